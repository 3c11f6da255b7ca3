import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { openBackend, type SpawnSpec } from '../../lib/index.ts';
import { watchLeaks } from '../leaks.ts';
import { plainEnv } from '../plain-env.ts';

const ATTEMPT = fileURLToPath(new URL('fixtures/attempt.js', import.meta.url));
const NODE = process.execPath;

/** Why a backend cannot be used here; what it opens once and keeps, it opens now. */
const unavailable = (backend: 'ffi' | 'shell'): string | false =>
  openBackend(backend).match(
    () => false,
    ({ message }) => message,
  );
unavailable('ffi');

watchLeaks(t);
t.setTimeout(300_000);

const succeeds = (command: string, ...args: readonly string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore' }).status === 0;

const hasNewuidmap = ['/usr/bin', '/bin', '/usr/local/bin', '/usr/sbin', '/sbin'].some((dir) =>
  existsSync(`${dir}/newuidmap`),
);
const isRoot = process.getuid?.() === 0;
const canNest = succeeds('unshare', '-Ur', 'true');
const needsUserNamespaces = canNest ? false : 'no user namespace can be made here with unshare(1)';
const needsRoot = isRoot ? false : 'needs root';

/** A fault, and what the library says of it. */
interface Fault {
  /** The cause's id. */
  readonly cause: string;
  readonly about: string;
  readonly skip?: string | false;
  /** The fault as a shell script; it ends in `"$@"`, which is the attempt. */
  readonly script: string;
  readonly spec: SpawnSpec;
  readonly errno: string;
  readonly step: string;
  /** The backend that meets it; the other one does not. */
  readonly only?: 'ffi' | 'shell';
  /** A command, or a part of it, that the remedy has. */
  readonly remedy?: RegExp;
}

const inUserNamespace = (script: string, options = '-Ur'): string =>
  `exec unshare ${options} sh -c '${script.replaceAll("'", "'\\''")}' sh "$@"`;

/** A chroot into a directory that is no mount point, with everything that Node needs below it. */
const inChroot = `
  for dir in "$SCRATCH" "$SCRATCH/proc" "$SCRATCH/dev" "$SCRATCH/tmp"; do mkdir -p "$dir"; done
  for dir in /usr /etc /lib* /bin /sbin "$(dirname "$NODE")" "$ROOM"; do
    [ -e "$dir" ] || continue
    if [ -L "$dir" ]; then cp -P "$dir" "$SCRATCH$dir"; continue; fi
    mkdir -p "$SCRATCH$dir" && mount --rbind "$dir" "$SCRATCH$dir"
  done
  mount --rbind /proc "$SCRATCH/proc" && mount --rbind /dev "$SCRATCH/dev"
  exec chroot "$SCRATCH" "$@"`;

/** Keeps one namespace of a type while the attempt runs. */
const holding = (type: string, option: string): string => `
  echo 1 > /proc/sys/user/max_${type}_namespaces || exit
  unshare ${option} sleep 300 >/dev/null 2>&1 & held=$!
  until [ "$(readlink /proc/$held/ns/${type})" != "$(readlink /proc/self/ns/${type})" ]; do
    kill -0 $held || exit
  done
  "$@"; code=$?; kill $held; wait $held; exit $code`;

const USER: SpawnSpec = { namespaces: ['user'] };
const PROC: SpawnSpec = { namespaces: ['user', 'mnt', 'pid'], mapRootUser: true, mountProc: true };

const FAULTS: readonly Fault[] = [
  {
    cause: 'max-userns-zero',
    about: 'user.max_user_namespaces is 0',
    skip: needsUserNamespaces,
    script: inUserNamespace('echo 0 > /proc/sys/user/max_user_namespaces; exec "$@"'),
    spec: { namespaces: ['user', 'pid', 'uts'] },
    errno: 'ENOSPC',
    step: 'clone',
    remedy: /sysctl -w user\.max_user_namespaces=\d+/,
  },
  ...(['net', 'uts', 'mnt'] as const).map(
    (type): Fault => ({
      cause: 'max-ns-other-zero',
      about: `user.max_${type}_namespaces is 0`,
      skip: needsUserNamespaces,
      script: inUserNamespace(`echo 0 > /proc/sys/user/max_${type}_namespaces; exec "$@"`),
      spec: { namespaces: ['user', 'pid', type], mapRootUser: true },
      errno: 'ENOSPC',
      step: type === 'uts' ? 'clone' : 'unshare',
      remedy: new RegExp(`sysctl -w user\\.max_${type}_namespaces=\\d+`),
    }),
  ),
  {
    cause: 'userns-limit-exhausted',
    about: 'all user namespaces that a user may have are there',
    skip: needsUserNamespaces,
    script: inUserNamespace(holding('user', '-U')),
    spec: USER,
    errno: 'ENOSPC',
    step: 'clone',
    remedy: /lsns -t user/,
  },
  {
    cause: 'ns-limit-exhausted',
    about: 'all uts namespaces that a user may have are there',
    skip: needsUserNamespaces,
    script: inUserNamespace(holding('uts', '-u')),
    spec: { namespaces: ['uts'] },
    errno: 'ENOSPC',
    step: 'clone',
    remedy: /lsns -t uts/,
  },
  {
    cause: 'userns-nesting-depth',
    about: 'user namespaces are nested as deep as they may be',
    skip: needsUserNamespaces,
    script:
      'export DEEPER=\'unshare -Ur true 2>/dev/null || exec "$@"; exec unshare -Ur sh -c "$DEEPER" sh "$@"\'; exec sh -c "$DEEPER" sh "$@"',
    spec: USER,
    errno: 'ENOSPC',
    step: 'clone',
  },
  {
    cause: 'pidns-nesting-depth',
    about: 'pid namespaces are nested as deep as they may be',
    skip: needsUserNamespaces,
    script: `export DEEPER='unshare -pf true 2>/dev/null || exec "$@"; exec unshare -pf sh -c "$DEEPER" sh "$@"'; ${inUserNamespace('exec sh -c "$DEEPER" sh "$@"')}`,
    spec: { namespaces: ['pid'] },
    errno: 'ENOSPC',
    step: 'clone',
  },
  {
    cause: 'needs-cap-sys-admin',
    about: 'an ordinary user asks for a uts namespace alone',
    script: isRoot ? 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' : 'exec "$@"',
    spec: { namespaces: ['uts'] },
    errno: 'EPERM',
    step: 'clone',
    remedy: /add "user"/,
  },
  {
    cause: 'needs-cap-sys-admin',
    about: 'an ordinary user asks for a mount namespace alone',
    script: isRoot ? 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' : 'exec "$@"',
    spec: { namespaces: ['mnt'] },
    errno: 'EPERM',
    step: 'unshare',
    remedy: /add "user"/,
  },
  {
    cause: 'chroot-caller',
    about: 'the caller is in a chroot',
    skip: needsUserNamespaces,
    script: inUserNamespace(inChroot, '-Urm'),
    spec: USER,
    errno: 'EPERM',
    step: 'clone',
    remedy: /pivot_root/,
  },
  {
    cause: 'chroot-caller',
    about: 'the caller is in a chroot, and its root is no mount point',
    skip: needsUserNamespaces,
    script: inUserNamespace(inChroot, '-Urm'),
    spec: { namespaces: ['mnt'] },
    errno: 'EINVAL',
    step: 'propagation',
    remedy: /mount --bind/,
  },
  {
    cause: 'unmapped-ids',
    about: 'the caller is in a user namespace without maps',
    skip: needsUserNamespaces,
    script: 'exec unshare -U "$@"',
    spec: USER,
    errno: 'EPERM',
    step: 'clone',
  },
  {
    cause: 'proc-masked',
    about: 'a part of the caller’s /proc is hidden',
    skip: needsUserNamespaces,
    script: inUserNamespace('mount -t tmpfs none /proc/sys || exit; exec "$@"', '-Urmpf --mount-proc'),
    spec: PROC,
    errno: 'EPERM',
    step: 'mount-proc',
    remedy: /umount \/proc\/sys/,
  },
  {
    cause: 'fs-mount-needs-ns',
    about: 'proc is to be mounted without a new pid namespace',
    skip: needsUserNamespaces,
    script: 'exec "$@"',
    spec: { ...PROC, namespaces: ['user', 'mnt'] },
    errno: 'EPERM',
    step: 'mount-proc',
    remedy: /add "pid"/,
  },
  {
    cause: 'mount-point-missing',
    about: 'there is no directory to mount proc on',
    skip: needsUserNamespaces,
    script: 'exec "$@"',
    spec: { ...PROC, mountProc: '/no/such/directory' },
    errno: 'ENOENT',
    step: 'mount-proc',
    remedy: /mkdir -p \/no\/such\/directory/,
  },
  {
    // Where newuidmap(1) is installed it is asked, and has a reason of its own.
    cause: hasNewuidmap ? 'subid-missing' : 'id-map-needs-capability',
    about: 'an ordinary user maps ids that are not its own',
    skip: needsUserNamespaces,
    script: isRoot ? 'exec setpriv --reuid 65534 --regid 65534 --clear-groups "$@"' : 'exec "$@"',
    spec: { ...USER, uidMap: { inside: 0, outside: 100_000, count: 10 } },
    errno: 'EPERM',
    step: 'id-map',
    remedy: hasNewuidmap ? /usermod --add-subuids/ : /mapRootUser/,
  },
  {
    cause: 'uidmap-cap-setfcap',
    about: 'root without CAP_SETFCAP maps root',
    skip: needsRoot || needsUserNamespaces,
    script: 'exec setpriv --bounding-set -setfcap --inh-caps -setfcap "$@"',
    spec: { ...USER, uidMap: { inside: 0, outside: 0, count: 2 } },
    errno: 'EPERM',
    step: 'id-map',
    remedy: /SETFCAP/,
  },
  {
    cause: 'target-not-dumpable',
    only: 'ffi',
    about: 'a server that was started as root has become an ordinary user',
    skip: needsRoot || needsUserNamespaces,
    script: 'exec "$@" 65534',
    spec: { ...USER, mapRootUser: true },
    errno: 'EACCES',
    step: 'id-map',
  },
];

const attempt = async ({ script, spec }: Fault, backend: string): Promise<unknown> => {
  const scratch = mkdtempSync(join(tmpdir(), 'ns-faults-'));
  chmodSync(scratch, 0o755);
  try {
    const { stdout } = await promisify(execFile)('sh', ['-c', script, 'sh', NODE, ATTEMPT, JSON.stringify(spec)], {
      env: {
        ...plainEnv(),
        NS_BACKEND: backend,
        NODE,
        ROOM: process.cwd(),
        SCRATCH: join(scratch, 'root'),
      },
    });
    return JSON.parse(stdout);
  } finally {
    rmSync(scratch, { recursive: true });
  }
};

for (const backend of ['ffi', 'shell'] as const) {
  for (const fault of FAULTS.filter(({ only }) => only === undefined || only === backend)) {
    const { cause, about, errno, remedy } = fault;
    // unshare(1) has one call for all namespaces.
    const step = backend === 'shell' && fault.step === 'clone' ? 'unshare' : fault.step;
    const skip = unavailable(backend) || fault.skip || false;
    t.test(`spawn() on ${backend} names ${cause} when ${about}`, { skip }, async (t) => {
      const error = await attempt(fault, backend);
      t.match(error, { type: 'setup-failed', backend, step, errno, diagnosis: { cause } });
      const { diagnosis, message } = error as { diagnosis: { summary: string; remedy: string[] }; message: string };
      t.ok(message.includes(diagnosis.summary), message);
      if (remedy !== undefined) t.match(diagnosis.remedy.join('\n'), remedy);
    });
  }
}
