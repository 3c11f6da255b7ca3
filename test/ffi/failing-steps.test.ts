import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import {
  type Backend,
  type EnterSpec,
  enter,
  openBackend,
  SETUP_STEPS,
  type SetupStep,
  type SpawnSpec,
} from '../../lib/index.ts';
import { unmet } from '../contract/caller.ts';
import { watchLeaks } from '../leaks.ts';

watchLeaks(t);

const fixture = fileURLToPath(new URL('fixtures/failing.js', import.meta.url));
const isRoot = process.geteuid?.() === 0;

/** A spec, what is forbidden, and the errno that the error has then. */
interface Failing {
  readonly spec: SpawnSpec & { readonly enter?: EnterSpec };
  readonly env?: Readonly<Record<string, string>>;
  readonly rules?: readonly string[];
  readonly errno: string;
}

/** Inside an entered pid namespace a new one is made by a second clone, which tells its number by a link. */
const twice = { enter: { types: ['pid'], namespaces: ['user', 'pid'], mapRootUser: true } } as const;
/** A user namespace below one that was entered is not made by the clone. */
const below = { enter: { types: ['uts'], namespaces: ['user', 'mnt'], mapRootUser: true } } as const;
const NEW = { user: 0x10000000, pid: 0x20000000 } as const;

const inside = { namespaces: ['user', 'mnt', 'uts', 'pid'], mapRootUser: true } as const;
const EPERM = 'EPERM';

/** A filter that lets everything pass. */
const everything = { base64: 'BgAAAAAA/38=' } as unknown as Uint8Array;

/** prctl(2) is called for many things: which one is forbidden. */
const PRCTL = { deathsig: 1, bounding: 24, securebits: 28, noNewPrivs: 38, ambient: 47 } as const;

const STEPS: Readonly<Partial<Record<SetupStep, readonly Failing[]>>> = {
  prepare: [{ spec: {}, rules: ['pipe2=EMFILE'], errno: 'EMFILE' }],
  carrier: [
    { spec: inside, env: { NS_FFI_HOST: 'memfd' }, rules: ['memfd_create=EACCES'], errno: 'EACCES' },
    { spec: inside, env: { NS_FFI_HOST: 'memfd' }, rules: ['execveat=EACCES'], errno: 'EACCES' },
  ],
  clone: [
    { spec: inside, rules: ['clone3=ENOSPC'], errno: 'ENOSPC' },
    {
      spec: { ...inside, namespaces: [...inside.namespaces, 'time'] },
      env: { NS_FFI_HOST: 'memfd' },
      rules: ['clone=EAGAIN'],
      errno: 'EAGAIN',
    },
    { spec: twice, rules: [`clone&${NEW.pid}=EAGAIN`], errno: 'EAGAIN' },
    { spec: twice, rules: ['readlinkat=EACCES'], errno: 'EACCES' },
  ],
  join: [{ spec: { enter: { types: ['uts'] } }, rules: ['setns=EINVAL'], errno: 'EINVAL' }],
  'target-root': [
    { spec: { enter: { types: [], targetRoot: true } }, rules: ['fchdir=EACCES'], errno: 'EACCES' },
    { spec: { enter: { types: [], targetRoot: true } }, rules: ['chroot=EPERM'], errno: EPERM },
  ],
  'target-cwd': [{ spec: { enter: { types: [], targetCwd: true } }, rules: ['fchdir=EACCES'], errno: 'EACCES' }],
  nice: [{ spec: { ...inside, nice: 19 }, rules: ['setpriority=EPERM'], errno: EPERM }],
  unshare: [
    { spec: inside, rules: ['unshare=EPERM'], errno: EPERM },
    { spec: below, rules: [`unshare&${NEW.user}=ENOSPC`], errno: 'ENOSPC' },
    { spec: twice, rules: [`unshare&${NEW.user}=ENOSPC`], errno: 'ENOSPC' },
  ],
  'time-offsets': [
    { spec: { namespaces: ['user', 'time'], mapRootUser: true, monotonic: -4_000_000_000 }, errno: 'ERANGE' },
  ],
  credentials: [
    { spec: { ...inside, uid: 0, groups: 'keep' }, rules: ['setresuid=EPERM'], errno: EPERM },
    { spec: { ...inside, gid: 0, groups: 'keep' }, rules: ['setresgid=EPERM'], errno: EPERM },
    { spec: { groups: [] }, rules: ['setgroups=EPERM'], errno: EPERM },
  ],
  propagation: [{ spec: inside, rules: ['mount=EPERM'], errno: EPERM }],
  'mount-proc': [{ spec: { ...inside, mountProc: '/no/such/directory' }, errno: 'ENOENT' }],
  root: [{ spec: { ...inside, root: '/no/such/directory' }, errno: 'ENOENT' }],
  hostname: [{ spec: { ...inside, hostname: 'no' }, rules: ['sethostname=EPERM'], errno: EPERM }],
  domainname: [{ spec: { ...inside, domainname: 'no' }, rules: ['setdomainname=EPERM'], errno: EPERM }],
  stdio: [{ spec: inside, rules: ['dup3=EBUSY'], errno: 'EBUSY' }],
  rlimits: [{ spec: { ...inside, rlimits: { RLIMIT_CORE: 0 } }, rules: ['prlimit64=EPERM'], errno: EPERM }],
  capabilities: [
    { spec: { ...inside, capabilities: { inheritable: [] } }, rules: ['capset=EPERM'], errno: EPERM },
    { spec: { ...inside, capabilities: { bounding: [] } }, rules: [`prctl:${PRCTL.bounding}=EPERM`], errno: EPERM },
    { spec: { ...inside, keepCaps: true }, rules: [`prctl:${PRCTL.ambient}=EPERM`], errno: EPERM },
  ],
  securebits: [
    { spec: { ...inside, securebits: ['noroot'] }, rules: [`prctl:${PRCTL.securebits}=EPERM`], errno: EPERM },
  ],
  'no-new-privs': [
    { spec: { ...inside, noNewPrivs: true }, rules: [`prctl:${PRCTL.noNewPrivs}=EINVAL`], errno: 'EINVAL' },
  ],
  'parent-death': [
    { spec: { ...inside, dieWithParent: true }, rules: [`prctl:${PRCTL.deathsig}=EPERM`], errno: EPERM },
  ],
  session: [{ spec: { ...inside, detached: true } as SpawnSpec, rules: ['setsid=EPERM'], errno: EPERM }],
  umask: [{ spec: { ...inside, umask: 0 }, rules: ['umask=EPERM'], errno: EPERM }],
  cwd: [
    { spec: { ...inside, cwd: '/no/such/directory' }, errno: 'ENOENT' },
    { spec: { cwd: '/usr' }, rules: ['chdir=EACCES'], errno: 'EACCES' },
  ],
  signals: [{ spec: inside, rules: ['rt_sigaction=EPERM'], errno: EPERM }],
  seccomp: [{ spec: { ...inside, seccomp: everything }, rules: ['seccomp=EPERM'], errno: EPERM }],
};

/** Steps that other files make fail, by what is not there, or by a filter of their own. */
const ELSEWHERE: readonly SetupStep[] = ['id-map', 'cgroup', 'oom-score', 'network', 'mount', 'init', 'pty'];

/** No filter can tell the write that joins a cgroup from others: the cgroup itself is taken away. */
const BY_REMOVAL: readonly SetupStep[] = ['join-cgroup'];

const behind = ({ spec, env, rules = [] }: Failing): Promise<unknown> =>
  new Promise((resolve) => {
    const child = spawn(process.execPath, [fixture, JSON.stringify(spec), ...rules], {
      env: { ...process.env, ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
    });
    let [out, errors] = ['', ''];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      errors += chunk;
    });
    child.on('close', (code) => resolve(out === '' ? { code, errors } : JSON.parse(out)));
  });

const skip = unmet('user-namespaces') ?? false;

t.test('every step is made to fail, here or in a file of its own', async (t) => {
  const known = [...Object.keys(STEPS), ...ELSEWHERE, ...BY_REMOVAL];
  t.strictSame(
    [...SETUP_STEPS].filter((step) => !known.includes(step)),
    [],
  );
});

t.test('a step that fails is named, and leaves nothing', { skip }, async (t) => {
  const waiting = Object.entries(STEPS).flatMap(([step, cases]) => cases.map((failing) => ({ step, ...failing })));
  const work = async (): Promise<void> => {
    for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
      const { step, spec, rules = [], errno } = one;
      if (spec.groups !== undefined && spec.groups !== 'keep' && !isRoot) continue;
      if ((spec === twice || spec === below) && !isRoot) continue;
      t.match(await behind(one), { step, errno, left: [] }, `${step} ${rules.join(' ')}`);
    }
  };
  await Promise.all([work(), work(), work()]);
});

const UNIFIED = readFileSync('/proc/self/mountinfo', 'latin1')
  .split('\n')
  .find((line) => line.includes(' - cgroup2 '))
  ?.split(' ')[4];

const withoutCgroups = isRoot && UNIFIED !== undefined ? false : 'takes root and the unified hierarchy';

t.test('join-cgroup fails when the cgroup is gone by then, and leaves nothing', { skip: withoutCgroups }, async (t) => {
  const cgroup = `${UNIFIED}/ns-test-${process.pid}`;
  mkdirSync(cgroup);
  const target = spawn('sleep', ['60'], { stdio: 'ignore' });
  const move = (to: string): void => writeFileSync(`${to}/cgroup.procs`, String(target.pid));
  move(cgroup);
  const { backend: ffi } = openBackend('ffi')._unsafeUnwrap();
  const late: Backend = {
    ...ffi,
    launch: (plan) => {
      move(UNIFIED ?? '');
      rmdirSync(cgroup);
      return ffi.launch(plan);
    },
  };
  const child = await enter(target.pid ?? 0, 'true', [], { types: [], joinCgroup: true, backend: late });
  t.match(child._unsafeUnwrapErr(), { type: 'setup-failed', step: 'join-cgroup', syscall: 'write', errno: 'ENODEV' });
  target.kill('SIGKILL');
});
