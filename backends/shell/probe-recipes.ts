import type { CheckName } from '../../lib/check-names.ts';
import type { FailureStep, ProbePlan } from '../../lib/probe.ts';
import { isAtLeast, needsRelease } from './needs.ts';
import { quote } from './quote.ts';
import type { Tools } from './tools.ts';

/** An attempt as a shell does it: the options of unshare(1), and what takes a privilege inside. */
export interface Recipe {
  readonly options: readonly string[];
  readonly act: string;
  /** The whole of it instead: a script that is silent and ends with 0 when it works. */
  readonly script?: string;
  /** The step that fails when the act does. */
  readonly step: FailureStep;
  readonly filesystem?: string | null;
}

/** Changes nothing, and takes CAP_SYS_CHROOT in the user namespace that the shell is in. */
const PRIVILEGED = 'chroot / /bin/true';

const mountRecipe = (filesystem: string, scratch: string): Recipe => ({
  options: [],
  act: `mount -n -t ${filesystem} none ${scratch}`,
  step: 'mount',
  filesystem,
});

const NO_CALL = 'the shell backend makes no system call by itself, and no tool makes this one';

/** mount(8) takes `X-mount.*` that it does not know for a comment. */
const idmapRecipe = (source: string, scratch: string, filesystem: string | null, tools: Tools): Recipe | string => {
  if (!isAtLeast(tools.version, '2.39')) return `there is no mount(8) for it: ${needsRelease('2.39', tools)}`;
  const at = quote(scratch);
  const tmpfs = `mount -n -t tmpfs none ${at} && cd ${at} && mkdir a b`;
  const bind = (from: string, to: string): string => `mount -n --bind -o X-mount.idmap=b:0:0:1 ${from} ${to}`;
  const act = source === scratch ? `${tmpfs} && ${bind('a', 'b')}` : bind(quote(source), at);
  return { options: [], act, step: 'idmapped-mount', filesystem };
};

/**
 * The process that is to be mapped becomes unshare(1); a child that stays outside waits for its new user namespace, calls
 * the helpers, and ends the process when they fail.
 */
const helperRecipe = ({ mapHelpers }: ProbePlan, tools: Tools): Recipe | string => {
  if (mapHelpers === null) return 'there is no newuidmap(1) or newgidmap(1)';
  const { uid, gid } = mapHelpers;
  const call = ({ path, args }: { path: string; args: readonly string[] }): string =>
    `${quote(path)} $$ ${args.map(quote).join(' ')}`;
  const rest = 'sleep 0.02 2>/dev/null || sleep 1';
  // A process that has ended stays, as a zombie, as long as the helper can still write to where its words go.
  const isThere = 'read -r pid name state rest </proc/$$/stat && [ "$state" != Z ]';
  const helper = `while ${isThere} && [ "$(readlink /proc/$$/ns/user)" = "$own" ]; do ${rest}; done; ${isThere} || exit; ${call(uid)} && ${call(gid)} || kill $$`;
  const inside = `until read line </proc/self/gid_map; do ${rest}; done`;
  const script = `own=$(readlink /proc/$$/ns/user); (${helper}) & exec ${quote(tools.unshare.path)} --user sh -c ${quote(inside)}`;
  return { options: [], act: '', script, step: 'newuidmap' };
};

/** A text: why there is no way to try it. */
export const recipeFor = (check: CheckName, plan: ProbePlan, tools: Tools): Recipe | string => {
  const { scratch, filesystems } = plan;
  const at = quote(scratch);
  const plain: Recipe = { options: [], act: PRIVILEGED, step: 'credentials' };
  switch (check) {
    case 'user':
    case 'ipc':
    case 'pid':
    case 'cgroup':
    case 'time':
      return plain;
    case 'net':
      return tools.ip === null ? plain : { ...plain, act: `${quote(tools.ip)} link set lo up`, step: 'network' };
    case 'uts':
      return tools.hostname === null ? plain : { ...plain, act: `${quote(tools.hostname)} ns-check`, step: 'hostname' };
    case 'mnt':
      return mountRecipe('tmpfs', at);
    case 'proc':
      return { options: ['--mount-proc'], act: 'true', step: 'mount-proc' };
    case 'pivot_root':
      return {
        options: [],
        act: `mount -n -t tmpfs none ${at} && cd ${at} && mkdir old && pivot_root . old`,
        step: 'root',
      };
    case 'overlay':
      return {
        options: [],
        act: `mount -n -t tmpfs none ${at} && cd ${at} && mkdir l u w m && mount -n -t overlay -o lowerdir=l,upperdir=u,workdir=w none m`,
        step: 'mount',
        filesystem: 'overlay',
      };
    case 'mqueue':
      return mountRecipe('mqueue', at);
    case 'time-offsets':
      return tools.unshare.options.has('--monotonic')
        ? { options: ['--monotonic', '1'], act: 'true', step: 'time-offsets' }
        : 'there is no tool for it: unshare(1) here has no --monotonic';
    case 'setns':
      return tools.nsenter === null
        ? 'there is no tool for it: nsenter(1) is missing'
        : { options: [], act: `${quote(tools.nsenter.path)} --uts=/proc/self/ns/uts true`, step: 'setns' };
    case 'nesting':
      return { options: [], act: `${quote(tools.unshare.path)} --user --map-root-user true`, step: 'unshare' };
    case 'newuidmap':
      return helperRecipe(plan, tools);
    case 'idmapped-mount':
      return idmapRecipe(scratch, scratch, 'tmpfs', tools);
    case 'idmapped-root':
      return idmapRecipe(filesystems.root.path, scratch, filesystems.root.filesystem, tools);
    case 'idmapped-tmp':
      return idmapRecipe(filesystems.tmp.path, scratch, filesystems.tmp.filesystem, tools);
    case 'clone3':
    case 'pidfd':
    case 'into-cgroup':
      return NO_CALL;
  }
};
