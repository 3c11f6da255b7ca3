import { okAsync, ResultAsync } from 'neverthrow';
import { type CheckName, typesFor } from '../../lib/check-names.ts';
import type { LaunchError } from '../../lib/errors.ts';
import { NAMESPACES, type NamespaceType } from '../../lib/namespace.ts';
import type { FailureStep, ProbeOutcome, ProbePlan } from '../../lib/probe.ts';
import { errnoIn, stepIn } from './parse.ts';
import { quote } from './quote.ts';
import { collect } from './run.ts';
import type { Tools } from './tools.ts';

/** An attempt as a shell does it: the options of unshare(1), and what takes a privilege inside. */
interface Recipe {
  readonly options: readonly string[];
  readonly act: string;
  /** The step that fails when the act does. */
  readonly step: FailureStep;
  readonly filesystem?: string;
}

/** Changes nothing, and takes CAP_SYS_CHROOT in the user namespace that the shell is in. */
const PRIVILEGED = 'chroot / /bin/true';

const mountRecipe = (filesystem: string, scratch: string): Recipe => ({
  options: [],
  act: `mount -t ${filesystem} none ${scratch}`,
  step: 'mount',
  filesystem,
});

/** null: there is no tool for it. */
const recipeFor = (check: CheckName, { scratch }: ProbePlan, tools: Tools): Recipe | null => {
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
        act: `mount -t tmpfs none ${at} && cd ${at} && mkdir old && pivot_root . old`,
        step: 'root',
      };
    case 'overlay':
      return {
        options: [],
        act: `mount -t tmpfs none ${at} && cd ${at} && mkdir l u w m && mount -t overlay -o lowerdir=l,upperdir=u,workdir=w none m`,
        step: 'mount',
        filesystem: 'overlay',
      };
    case 'mqueue':
      return mountRecipe('mqueue', at);
    case 'time-offsets':
      return tools.unshare.options.has('--monotonic')
        ? { options: ['--monotonic', '1'], act: 'true', step: 'time-offsets' }
        : null;
    case 'setns':
      return tools.nsenter === null
        ? null
        : { options: [], act: `${quote(tools.nsenter.path)} --uts=/proc/self/ns/uts true`, step: 'setns' };
    case 'nesting':
      return { options: [], act: `${quote(tools.unshare.path)} --user --map-root-user true`, step: 'unshare' };
    case 'newuidmap':
    case 'clone3':
    case 'pidfd':
    case 'into-cgroup':
    case 'idmapped-mount':
      return null;
  }
};

const hasOption = ({ unshare }: Tools, types: readonly NamespaceType[]): boolean =>
  types.every((type) => unshare.options.has(`--${NAMESPACES[type].option}`));

/** One attempt as a line of shell: it ends in a line of its number, its exit code, and what was said. */
const lineFor = (index: number, { options, act }: Recipe, types: readonly NamespaceType[], tools: Tools): string => {
  const flags = types.map((type) => `--${NAMESPACES[type].option}`);
  const user = types.includes('user') ? ['--map-root-user'] : [];
  const fork = types.includes('pid') || types.includes('time') ? ['--fork'] : [];
  const command = [tools.unshare.path, ...flags, ...user, ...fork, ...options, 'sh', '-c', act].map(quote).join(' ');
  // Words without a failure are warnings.
  return `said=$(${command} 2>&1 </dev/null) && said= || said=\${said:-failed}; printf '%s\\t%s\\n' ${index} "$(printf '%s' "$said" | tail -n 1)"`;
};

/** What came of an attempt, from its last words: unshare(1), mount(8) and their kin are silent when all went well. */
const outcomeOf = (
  wanted: ProbePlan['attempts'][number],
  recipe: Recipe | null,
  said: string | undefined,
): ProbeOutcome => {
  if (recipe === null) {
    return {
      ...wanted,
      failure: { step: 'untried', reason: 'util-linux has no tool for it; the ffi backend tries it' },
    };
  }
  if (said === undefined)
    return { ...wanted, failure: { step: 'untried', reason: 'the attempt ended without a word' } };
  if (said === '') return { ...wanted, failure: null };
  const types = typesFor(wanted.check, wanted.inUserNamespace);
  const told = stepIn(said);
  const step =
    told === 'prepare' || /^(?:chroot|mount|mkdir|pivot_root|sh|nsenter|RTNETLINK|ip):? /.test(said)
      ? recipe.step
      : told;
  const failure = {
    step,
    errno: errnoIn(said),
    namespaces: types,
    requested: types,
    syscall: 'unshare(1)',
    path: step === 'mount-proc' ? '/proc' : null,
    filesystem: recipe.filesystem ?? null,
    text: said,
  };
  return { ...wanted, failure };
};

/** Tries what util-linux has tools for: one shell script, an unshare(1) for each attempt. */
export const probe = (tools: Tools, plan: ProbePlan): ResultAsync<readonly ProbeOutcome[], LaunchError> => {
  const recipes = plan.attempts.map(({ check, inUserNamespace }) => {
    const recipe = recipeFor(check, plan, tools);
    return recipe !== null && hasOption(tools, typesFor(check, inUserNamespace)) ? recipe : null;
  });
  const lines = plan.attempts.flatMap(({ check, inUserNamespace }, index) => {
    const recipe = recipes[index] ?? null;
    return recipe === null ? [] : [lineFor(index, recipe, typesFor(check, inUserNamespace), tools)];
  });
  const become = plan.become === null ? [] : becomeUser(plan.become, tools);
  const nothing = plan.attempts.map(
    (wanted): ProbeOutcome => ({
      ...wanted,
      failure: { step: 'untried', reason: 'setpriv(1) is not there to become that user' },
    }),
  );
  if (become === null) return okAsync(nothing);
  const [command = 'sh', ...args] = [...become, 'sh', '-c', lines.join('\n')];
  return ResultAsync.fromSafePromise(
    collect(command, args, plan.timeoutMs).then((output) => {
      const said = new Map(
        output.split('\n').flatMap((line) => {
          const [, index, words] = /^(\d+)\t(.*)$/.exec(line) ?? [];
          return index === undefined || words === undefined ? [] : [[Number(index), words] as const];
        }),
      );
      return plan.attempts.map((wanted, index) => outcomeOf(wanted, recipes[index] ?? null, said.get(index)));
    }),
  );
};

const becomeUser = ({ uid, gid }: { uid: number; gid: number }, { setpriv }: Tools): readonly string[] | null =>
  setpriv === null ? null : [setpriv.path, `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
