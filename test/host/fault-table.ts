// Makes faults real on this machine, one after the other, and lets ns-check find each: as root and as an ordinary user.
//   npm run test:faults
// NS_BACKEND=shell tries with util-linux instead of system calls.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import type { CheckName, CheckReport, Diagnosis, SpawnSpec, Who } from '../../lib/index.ts';
import { plainEnv } from '../plain-env.ts';

const NODE = process.execPath;
const ATTEMPT = fileURLToPath(new URL('fixtures/attempt.js', import.meta.url));
const CHECK = fileURLToPath(new URL('fixtures/check.js', import.meta.url));
const BACKEND = process.env['NS_BACKEND'] ?? 'ffi';
const isRoot = process.geteuid?.() === 0;

interface Fault {
  readonly about: string;
  /** The cause's id; null: nothing is wrong, and the check works. */
  readonly cause: string | null;
  readonly check: CheckName;
  /** Whose verdict; that of who runs ns-check when left out. */
  readonly who?: Who;
  readonly inUserNamespace?: boolean;
  /** A shell script that makes the fault and ends in `"$@"`, which is ns-check. */
  readonly script: string;
  /** Options of fixtures/check.ts. */
  readonly options?: readonly string[];
  /** What root has to do first, in a mount namespace of its own; then the fault is there for both. */
  readonly prepare?: string;
  /** Only one of them can meet it. */
  readonly only?: Who;
  /** Words for setpriv(1), as the user becomes itself. */
  readonly as?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly remedy?: RegExp;
  /** A script around everything that ends in `"$@"`: root makes the fault, and the user is in it, too. */
  readonly within?: string;
  /** Seen by system calls alone: no tool makes this one, or none can be asked what it can. */
  readonly needsFfi?: true;
  /** What is spawned instead of a check, as whoever it is: for what a check does right by itself. */
  readonly spawned?: (uid: number) => SpawnSpec;
}

const inUserNamespace = (script: string, options = '-Ur'): string =>
  `exec unshare ${options} sh -c '${script.replaceAll("'", "'\\''")}' sh "$@"`;

const PLAIN = 'exec "$@"';

/** Subordinate ids for the user that ns-check is about, and copies of the helpers that may be changed. */
const SUBIDS = `
  mount -t tmpfs none "$SCRATCH" && mkdir "$SCRATCH/x" || exit 99
  printf '%s' "$SUBUID" > "$SCRATCH/x/subuid"; printf '%s' "$SUBGID" > "$SCRATCH/x/subgid"
  mount --bind "$SCRATCH/x/subuid" /etc/subuid && mount --bind "$SCRATCH/x/subgid" /etc/subgid || exit 99
  for name in newuidmap newgidmap; do
    cp "$(command -v $name)" "$SCRATCH/x/$name" && chmod 4755 "$SCRATCH/x/$name" || exit 99
    HELPERS
    mount --bind "$SCRATCH/x/$name" "$(command -v $name)" || exit 99
  done`;

const withHelpers = (change = ':'): string => SUBIDS.replace('HELPERS', change);

const GOOD = { SUBUID: 'nobody:100000:65536\n', SUBGID: 'nobody:100000:65536\nnogroup:100000:65536\n' };

const helperFault = (about: string, cause: string | null, fault: Partial<Fault>): Fault => ({
  about,
  cause,
  check: 'newuidmap',
  who: 'user',
  inUserNamespace: true,
  script: PLAIN,
  prepare: withHelpers(),
  env: GOOD,
  ...fault,
});

const zero = (type: 'user' | 'mnt' | 'net' | 'uts' | 'ipc' | 'pid' | 'cgroup' | 'time'): Fault => ({
  about: `user.max_${type}_namespaces is 0`,
  cause: type === 'user' ? 'max-userns-zero' : 'max-ns-other-zero',
  check: type,
  script: inUserNamespace(`echo 0 > /proc/sys/user/max_${type}_namespaces; exec "$@"`),
  remedy: new RegExp(`sysctl -w user\\.max_${type}_namespaces=\\d+`),
});

/** A chroot into a directory that is no mount point, with everything that Node.js needs below it. */
const IN_CHROOT = `
  mount -t tmpfs none "$SCRATCH" && mkdir "$SCRATCH/root" || exit 99
  R="$SCRATCH/root"; mkdir "$R/proc" "$R/dev" "$R/tmp"
  for dir in /usr /etc /lib* /bin /sbin "$(dirname "$NODE")" "$ROOM"; do
    [ -e "$dir" ] || continue
    if [ -L "$dir" ]; then cp -P "$dir" "$R$dir"; continue; fi
    mkdir -p "$R$dir" && mount --rbind "$dir" "$R$dir"
  done
  mount --rbind /proc "$R/proc" && mount --rbind /dev "$R/dev"
  exec chroot "$R" "$@"`;

const holding = (type: string, option: string): string => `
  echo 1 > /proc/sys/user/max_${type}_namespaces || exit 99
  unshare ${option} sleep 60 >/dev/null 2>&1 & held=$!
  until [ "$(readlink /proc/$held/ns/${type})" != "$(readlink /proc/self/ns/${type})" ]; do kill -0 $held || exit 99; done
  "$@"; code=$?; kill $held; wait $held; exit $code`;

const deeper = (options: string): string =>
  `export DEEPER='unshare ${options} true 2>/dev/null || exec "$@"; exec unshare ${options} sh -c "$DEEPER" sh "$@"'; exec sh -c "$DEEPER" sh "$@"`;

const WITHOUT_SYS_ADMIN = 'exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"';

/** In a user namespace that has the ids below 70,000 and no others, as a container has. */
const IN_SMALL_MAP = `
  mkfifo "$SCRATCH.go" || exit 99
  unshare -U sh -c 'read go < "$SCRATCH.go"; exec "$@"' sh "$@" & inside=$!
  until [ "$(readlink /proc/$inside/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do kill -0 $inside || exit 99; done
  echo 0 0 70000 > /proc/$inside/uid_map && echo 0 0 70000 > /proc/$inside/gid_map || exit 99
  echo go > "$SCRATCH.go"; rm "$SCRATCH.go"
  wait $inside`;

const FAULTS: readonly Fault[] = [
  { about: 'nothing is wrong', cause: null, check: 'net', script: PLAIN },
  zero('user'),
  zero('mnt'),
  zero('net'),
  zero('uts'),
  zero('ipc'),
  zero('pid'),
  zero('cgroup'),
  zero('time'),
  {
    about: 'the one user namespace there may be is there',
    cause: 'userns-limit-exhausted',
    check: 'user',
    script: inUserNamespace(holding('user', '-U')),
    remedy: /lsns -t user/,
  },
  {
    about: 'the one uts namespace there may be is there',
    cause: 'ns-limit-exhausted',
    check: 'uts',
    script: inUserNamespace(holding('uts', '-u')),
    remedy: /lsns -t uts/,
  },
  { about: 'user namespaces as deep as may be', cause: 'userns-nesting-depth', check: 'user', script: deeper('-Ur') },
  {
    about: 'pid namespaces as deep as may be',
    cause: 'pidns-nesting-depth',
    check: 'pid',
    script: inUserNamespace(deeper('-pf')),
  },
  {
    about: 'in a chroot',
    cause: 'chroot-caller',
    check: 'user',
    script: inUserNamespace(IN_CHROOT, '-Urm'),
    remedy: /pivot_root/,
  },
  {
    about: 'in a chroot into a mount of the same root',
    cause: 'chroot-caller',
    check: 'user',
    script: inUserNamespace('mount --rbind / "$SCRATCH" || exit 99; exec chroot "$SCRATCH" "$@"', '-Urm'),
    remedy: /pivot_root/,
  },
  {
    about: 'in a user namespace without maps',
    cause: 'unmapped-ids',
    check: 'user',
    who: 'user',
    inUserNamespace: true,
    script: 'exec unshare -U "$@"',
  },
  {
    about: 'a part of /proc is hidden',
    cause: 'proc-masked',
    check: 'proc',
    inUserNamespace: true,
    script: inUserNamespace('mount -t tmpfs none /proc/sys || exit 99; exec "$@"', '-Urmpf --mount-proc'),
    remedy: /umount \/proc\/sys/,
  },
  {
    about: 'a filter like Docker’s, clone',
    cause: 'seccomp-container-default',
    check: 'user',
    script: isRoot ? WITHOUT_SYS_ADMIN : PLAIN,
    options: ['--filter', 'docker'],
    env: { container: 'docker' },
    remedy: /seccomp=PROFILE/,
  },
  {
    about: 'a filter like Docker’s, clone3',
    cause: 'seccomp-container-default',
    check: 'clone3',
    needsFfi: true,
    script: isRoot ? WITHOUT_SYS_ADMIN : PLAIN,
    options: ['--filter', 'docker'],
    env: { container: 'docker' },
    remedy: /seccomp=PROFILE/,
  },
  {
    about: 'a filter that refuses clone3 with EPERM',
    cause: 'seccomp-clone3-eperm',
    check: 'clone3',
    needsFfi: true,
    script: PLAIN,
    options: ['--filter', 'clone3-eperm'],
    env: { container: 'docker' },
    remedy: /update the container engine/,
  },
  {
    about: 'root may not map root: no CAP_SETFCAP',
    cause: 'uidmap-cap-setfcap',
    check: 'user',
    only: 'root',
    script: 'exec setpriv --bounding-set -setfcap --inh-caps -setfcap "$@"',
    remedy: /SETFCAP/,
  },
  {
    about: 'root without CAP_SYS_ADMIN',
    cause: 'needs-cap-sys-admin',
    check: 'net',
    only: 'root',
    script: WITHOUT_SYS_ADMIN,
    remedy: /add "user"/,
  },
  {
    about: 'no more processes, by RLIMIT_NPROC',
    cause: 'process-limit',
    needsFfi: true,
    check: 'user',
    only: 'user',
    script: PLAIN,
    options: ['--processes'],
    as: '--reuid 54321 --regid 54321 --clear-groups',
    remedy: /ulimit -u/,
  },
  {
    about: 'no more processes, by the pids cgroup',
    cause: 'process-limit',
    needsFfi: true,
    check: 'user',
    only: 'root',
    script:
      'dir=/sys/fs/cgroup/pids/ns-check-fault-$$; mkdir "$dir" || exit 99; "$@"; code=$?; rmdir "$dir"; exit $code',
    options: ['--pids', '/sys/fs/cgroup/pids/ns-check-fault-PID'],
  },
  helperFault('helpers and ranges are as they should be', null, {}),
  helperFault('newuidmap is missing', 'newuidmap-missing', {
    prepare: withHelpers('chmod 0644 "$SCRATCH/x/$name"'),
    remedy: /install uidmap|shadow/,
  }),
  helperFault('newuidmap is not setuid', 'newuidmap-not-privileged', {
    prepare: withHelpers('chmod 0755 "$SCRATCH/x/$name"'),
    remedy: /setcap cap_setuid|chmod u\+s/,
  }),
  helperFault('newuidmap has file capabilities only', null, {
    prepare: withHelpers(
      'chmod 0755 "$SCRATCH/x/$name"; setcap "$(echo $name | sed "s/new/cap_set/; s/map//")+ep" "$SCRATCH/x/$name" || exit 98',
    ),
  }),
  helperFault('newuidmap is setuid and has file capabilities', 'newuidmap-setuid-plus-filecaps', {
    prepare: withHelpers('setcap "$(echo $name | sed "s/new/cap_set/; s/map//")+ep" "$SCRATCH/x/$name" || exit 98'),
    remedy: /chmod u-s/,
  }),
  helperFault('newuidmap is on a nosuid mount', 'no-new-privs-blocks-newuidmap', {
    prepare: `${withHelpers().replace('-t tmpfs none', '-t tmpfs -o nosuid none')}`,
  }),
  helperFault('no_new_privs is set', 'no-new-privs-blocks-newuidmap', {
    script: 'exec setpriv --no-new-privs "$@"',
    remedy: /no_new_privs|no-new-privileges|NoNewPrivileges/,
  }),
  helperFault('CAP_SETUID is out of reach', 'no-new-privs-blocks-newuidmap', {
    only: 'user',
    as: '--reuid 65534 --regid 65534 --clear-groups --bounding-set -setuid,-setgid',
  }),
  helperFault('no range in subuid', 'subid-missing', {
    env: { ...GOOD, SUBUID: 'somebody:100000:65536\n' },
    remedy: /usermod --add-subuids/,
  }),
  helperFault('two ranges overlap', 'subid-overlap', {
    env: { ...GOOD, SUBUID: 'nobody:100000:65536\nnobody:150000:10\n' },
    remedy: /nobody:150000:10/,
  }),
  helperFault('a range holds the own id', 'subid-overlap', {
    env: { ...GOOD, SUBUID: 'nobody:65534:1\nnobody:100000:65536\n' },
    remedy: /nobody:65534:1/,
  }),
  helperFault('a range is not in the own user namespace', 'map-exceeds-parent', {
    within: IN_SMALL_MAP,
    remedy: /vi \/etc\/subuid \/etc\/subgid/,
  }),
  helperFault('ranges are in the own user namespace', null, {
    within: IN_SMALL_MAP,
    env: { SUBUID: 'nobody:1000:5000\n', SUBGID: 'nobody:1000:5000\n' },
  }),
  {
    about: 'setgroups is not denied',
    cause: 'setgroups-not-denied',
    check: 'user',
    script: isRoot ? 'exec setpriv --bounding-set -setgid --inh-caps -setgid "$@"' : PLAIN,
    spawned: (uid) => ({
      namespaces: ['user'],
      setgroups: 'allow',
      gidMap: { inside: 0, outside: uid, count: 1 },
    }),
    remedy: /set setgroups to "deny"/,
  },
  {
    about: 'setgroups is denied',
    cause: null,
    check: 'user',
    script: isRoot ? 'exec setpriv --bounding-set -setgid --inh-caps -setgid "$@"' : PLAIN,
    spawned: (uid) => ({
      namespaces: ['user'],
      setgroups: 'deny',
      gidMap: { inside: 0, outside: uid, count: 1 },
    }),
  },
  helperFault('the group is not that of passwd', 'passwd-gid-mismatch', {
    only: 'user',
    as: '--reuid 65534 --regid 100 --clear-groups',
    remedy: /^sg /m,
  }),
];

interface Row {
  readonly about: string;
  readonly as: Who;
  readonly result: string;
  readonly isRight: boolean | null;
}

/** What attempt.ts prints. */
interface Outcome {
  readonly type: string;
  readonly errno?: string;
  readonly diagnosis?: Diagnosis | null;
}

const judge = (
  row: Pick<Row, 'about' | 'as'>,
  fault: Fault,
  found: string | null,
  more: string,
  remedy: readonly string[] = [],
): Row => {
  const hasRemedy = fault.remedy === undefined || fault.remedy.test(remedy.join('\n'));
  const result = `${found ?? 'works'} ${more}`.trim();
  return {
    ...row,
    result: hasRemedy ? result : `${result}, but the remedy is ${remedy.join('; ')}`,
    isRight: found === fault.cause && hasRemedy,
  };
};

const script = (fault: Fault, as: Who): string => {
  const become = as === 'user' && isRoot ? `setpriv ${fault.as ?? '--reuid 65534 --regid 65534 --clear-groups'}` : '';
  const inner = `exec ${become} sh -c '${fault.script.replaceAll("'", "'\\''")}' sh "$@"`;
  if (fault.prepare === undefined) return inner;
  const around = fault.within === undefined ? '' : `set -- sh -c '${inner.replaceAll("'", "'\\''")}' sh "$@"`;
  const prepared = [fault.prepare, around, fault.within ?? inner].join('\n');
  return `exec unshare -m --propagation private sh -c '${prepared.replaceAll("'", "'\\''")}' sh "$@"`;
};

const runFault = (fault: Fault, as: Who): Row => {
  const row = { about: fault.about, as };
  const scratch = mkdtempSync(join(tmpdir(), 'ns-fault-'));
  chmodSync(scratch, 0o755);
  try {
    const user = as === 'root' && fault.prepare !== undefined ? ['--user', '65534'] : [];
    // The script's own pid names a directory that the options name, too.
    const command = (fault.options ?? []).some((option) => option.includes('PID'))
      ? `"$1" "$2" ${(fault.options ?? []).map((option) => `"${option.replace('PID', '$PPID')}"`).join(' ')} -- --json`
      : null;
    const check = [NODE, CHECK, ...(fault.options ?? []), '--', '--json', '--backend', BACKEND, ...user];
    const spec = fault.spawned?.(as === 'root' ? 0 : isRoot ? 65_534 : (process.getgid?.() ?? 0));
    const words =
      spec !== undefined
        ? [NODE, ATTEMPT, JSON.stringify({ backend: BACKEND, ...spec })]
        : command === null
          ? check
          : ['sh', '-c', command, 'sh', NODE, CHECK];
    const { status, stdout, stderr } = spawnSync('sh', ['-c', script(fault, as), 'sh', ...words], {
      encoding: 'utf8',
      timeout: 60_000,
      env: { ...plainEnv(), container: '', NODE, ROOM: process.cwd(), SCRATCH: scratch, ...fault.env },
    });
    if (status === 98) return { ...row, result: 'skipped: no setcap(8)', isRight: null };
    if (status !== 0) return { ...row, result: `exit ${status}: ${stderr.trim().split('\n').at(-1)}`, isRight: false };
    if (spec !== undefined) {
      const { type, errno = '', diagnosis }: Outcome = JSON.parse(stdout);
      return judge(
        row,
        fault,
        type === 'exited' ? null : (diagnosis?.cause ?? type),
        `${errno} ${diagnosis?.confidence ?? ''}`,
        diagnosis?.remedy,
      );
    }
    const { caller, subjects, findings }: CheckReport = JSON.parse(stdout);
    const who = fault.who ?? caller;
    const inside = fault.inUserNamespace ?? who === 'user';
    const verdict = subjects
      .find((one) => one.who === who && one.inUserNamespace === inside)
      ?.verdicts.find(({ check }) => check === fault.check);
    const found = verdict?.state === 'works' ? null : (verdict?.cause ?? `${verdict?.state}: ${verdict?.note}`);
    const remedy = findings.find(({ cause }) => cause === found)?.remedy;
    return judge(row, fault, found, `${verdict?.errno ?? ''} ${verdict?.confidence ?? ''}`, remedy);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
};

const rows = FAULTS.flatMap((fault) =>
  (isRoot ? (['root', 'user'] as const) : (['user'] as const)).flatMap((as) => {
    if (fault.only !== undefined && fault.only !== as) return [];
    if ((fault.prepare !== undefined && !isRoot) || (fault.needsFfi === true && BACKEND !== 'ffi')) return [];
    return [runFault(fault, as)];
  }),
);
const table = new Table({ head: ['fault', 'as', 'ns-check says', ''], style: { head: [], border: [] } });
for (const { about, as, result, isRight } of rows) {
  table.push([about, as, result, isRight === null ? '-' : isRight ? 'right' : 'WRONG']);
}
console.log(table.toString());
const wrong = rows.filter(({ isRight }) => isRight === false);
const causes = new Set(FAULTS.map(({ cause }) => cause)).size;
console.log(`${FAULTS.length} faults of ${causes} kinds, ${rows.length} runs, ${wrong.length} wrong`);
process.exitCode = wrong.length === 0 ? 0 : 1;
