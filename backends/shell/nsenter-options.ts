import { err, ok, Result } from 'neverthrow';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import { NAMESPACES } from '../../lib/namespace.ts';
import type { EnterPlan, SpawnPlan } from '../../lib/plan.ts';
import { isAtLeast, need } from './needs.ts';
import type { Tools } from './tools.ts';

type Stages = Result<readonly (readonly string[])[], Unsupported>;

/** An fd of this process as a file that its children can open. */
const fileOf = (fd: number): string => `/proc/${process.pid}/fd/${fd}`;

const joinWords = ({ joins, userParentOf }: EnterPlan): readonly string[] => {
  const known = joins.map(({ type, fd }) => `--${NAMESPACES[type].option}=${fileOf(fd)}`);
  if (userParentOf === null) return known;
  // Whose owner is meant is told by a file, which comes before a target; but nsenter wants a target, whose it may be.
  return [...known, `--target=${process.pid}`, `--user=${fileOf(userParentOf)}`, '--user-parent'];
};

/** Since util-linux 2.41 nsenter refuses to enter nothing; whoever may change root or ids may enter what it is in. */
const nothingWords = ({ joins, userParentOf }: EnterPlan, { version }: Tools): readonly string[] =>
  joins.length === 0 && userParentOf === null && isAtLeast(version, '2.41') ? ['--uts=/proc/self/ns/uts'] : [];

/** Groups that must be kept are kept by setpriv(1) only; what the owner of a namespace lets be dropped is told inside. */
const keepsGroups = ({ gid, dropGroups, userParentOf }: EnterPlan): boolean =>
  dropGroups ? userParentOf !== null : gid !== null;

/** Takes ids on by setpriv(1), and drops the groups where the user namespace lets it. */
const IDS_SCRIPT =
  'read -r ns_line </proc/self/setgroups\ncase $ns_line in deny) ns_line=--keep-groups ;; *) ns_line=--clear-groups ;; esac\n' +
  'exec "$0" "$ns_line" "$@"';

const idWords = (enter: EnterPlan): readonly string[] => {
  const { joins, userParentOf, uid, gid } = enter;
  // nsenter becomes root in a user namespace unless it is told otherwise.
  const entersUser = userParentOf !== null || joins.some(({ type }) => type === 'user');
  if (entersUser && ((uid === null && gid === null) || keepsGroups(enter))) return ['--preserve-credentials'];
  return [...(uid === null ? [] : [`--setuid=${uid}`]), ...(gid === null ? [] : [`--setgid=${gid}`])];
};

/** Writes 0 to a file, which is whoever writes, and goes on as whatever comes after it. */
const CGROUP_SCRIPT =
  'printf 0 >"$1" || { printf "ns-cgroup: %s: Permission denied\\n" "$1" >&2; exit 1; }\nshift\nexec "$@"';

/** What has been opened can still be forbidden to enter. */
const DIRECTORY_SCRIPT =
  'cd -P "$1" 2>/dev/null || { printf "ns-directory: %s: Permission denied\\n" "$1" >&2; exit 1; }\nshift\nexec "$@"';

const idStage = (
  { uid, gid, dropGroups }: EnterPlan,
  setpriv: string,
  shell: (script: string) => readonly string[],
): readonly string[] => {
  const ids = [...(uid === null ? [] : [`--reuid=${uid}`]), ...(gid === null ? [] : [`--regid=${gid}`])];
  return dropGroups ? [...shell(IDS_SCRIPT), setpriv, ...ids, '--'] : [setpriv, ...ids, '--keep-groups', '--'];
};

/** Whether nsenter(1) stays as the parent of what comes after it: a pid namespace is entered by children only. */
export const nsenterForks = ({ enter }: SpawnPlan): boolean =>
  enter?.noFork === false && enter.joins.some(({ type }) => type === 'pid');

/**
 * The stages that enter what exists.
 *
 * @param shell - the words that run a script
 * @returns the words, or `unsupported` naming what the installed release has not
 */
export const enterStages = (
  { enter, credentials }: SpawnPlan,
  tools: Tools,
  shell: (script: string) => readonly string[],
): Stages => {
  if (enter === null) return ok([]);
  if (enter.securityContext !== null) {
    return err(unsupported('shell', '"followContext" through a handle', 'the ffi backend'));
  }
  const entersUser = enter.joins.some(({ type }) => type === 'user') || enter.userParentOf !== null;
  const halfSet = (enter.uid === null) !== (enter.gid === null);
  if (entersUser && halfSet) {
    // nsenter would set the other one to 0.
    return err(unsupported('shell', 'only one of "uid" and "gid" in an entered user namespace', 'both, or neither'));
  }
  // Else the execve of the next stage takes them, for whoever is not uid 0 inside.
  const keepsCaps = entersUser && credentials?.keepCaps === true;
  const directory = enter.workingDirectory ?? enter.root;
  const cgroup = enter.cgroupProcs === null ? [] : [[...shell(CGROUP_SCRIPT), 'ns-cgroup', fileOf(enter.cgroupProcs)]];
  const isInside = entersUser || enter.joins.length > 0 || enter.root !== null;
  if (!isInside && enter.uid === null && enter.gid === null) {
    const { workingDirectory } = enter;
    if (workingDirectory === null) return ok(cgroup);
    return ok([...cgroup, [...shell(DIRECTORY_SCRIPT), 'ns-directory', fileOf(workingDirectory)]]);
  }
  const words = [
    ...joinWords(enter),
    ...nothingWords(enter, tools),
    ...(enter.root === null ? [] : [`--root=${fileOf(enter.root)}`]),
    // nsenter would leave the working directory where it was, outside of the new root.
    ...(directory === null ? [] : [`--wd=${fileOf(directory)}`]),
    ...(enter.noFork ? ['--no-fork'] : []),
    ...(keepsCaps ? ['--keep-caps'] : []),
    ...idWords(enter),
  ];
  const after = keepsGroups(enter)
    ? need(tools, 'setpriv', '--keep-groups').map((setpriv) => [idStage(enter, setpriv, shell)])
    : ok([]);
  const options = words.map((word) => word.split('=', 1)[0] ?? word);
  const nsenters = Result.combine(options.map((option) => need(tools, 'nsenter', option)));
  return nsenters.andThen(([nsenter = 'nsenter']) =>
    after.map((ids) => [...cgroup, [nsenter, ...words, '--'], ...ids]),
  );
};
