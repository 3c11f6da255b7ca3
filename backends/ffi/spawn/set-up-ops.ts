import { NAMESPACES, type NamespaceType } from '../../../lib/namespace.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { CLONE, MOUNT, OPEN, SIG } from '../abi/constants.ts';
import type { Argument } from '../program/argument.ts';
import { int32At, NULL, num, shown, words } from '../program/argument.ts';
import type { Label, OpOptions, ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { addParentDeath } from './parent-ops.ts';
import type { Placement } from './placement.ts';
import { addUmask } from './process-ops.ts';
import { RECORD_KIND, SETUP_FAILED_CODE } from './records.ts';

/** The names of all clone flags. */
export const CLONE_FLAGS = {
  ...Object.fromEntries(Object.values(NAMESPACES).map(({ cloneName, cloneFlag }) => [cloneName, cloneFlag])),
  ...CLONE,
} as const;

/** Makes the namespaces that the launch left to the child. */
export const addUnshare = (program: ProgramBuilder, { unshare }: Placement, fail: Label): void => {
  for (const type of unshare) {
    // One call each, so that an error names its namespace.
    program.op('unshare', [words(NAMESPACES[type].cloneFlag, CLONE_FLAGS)], {
      step: 'unshare',
      onError: fail,
      namespaces: [type],
    });
  }
};

/** A clone in the carrier. */
interface CarrierClone {
  readonly types: readonly NamespaceType[];
  readonly borrows: boolean;
  /**
   * The caller's /proc, where the clone reads its own pid: whoever clones is in another pid namespace than the caller by
   * then. null: the number that clone(2) tells is the caller's.
   */
  readonly proc: Argument | null;
}

const PID_TEXT = RECORD.size - RECORD.pid;

const addReadPid = (program: ProgramBuilder, proc: Argument, text: number, options: OpOptions): void => {
  program.op('readlinkat', [proc, program.string('self'), shown(text, '&pid'), num(PID_TEXT)], options);
};

/** Writes who it is to the status pipe, in the numbers of the caller. */
const addOwnPid = (program: ProgramBuilder, proc: Argument, status: Argument, fail: Label): void => {
  const options = { step: 'clone', onError: fail } as const;
  const record = program.int32s(RECORD_KIND.pidText, -1, 0, 0, 0, 0);
  addReadPid(program, proc, record + RECORD.pid, options);
  program.op('write', [status, shown(record, '{pid}'), num(RECORD.size)], options);
};

const addClone = (
  program: ProgramBuilder,
  { types, borrows, proc }: CarrierClone,
  status: Argument,
  fail: Label,
): void => {
  const record = program.int32s(RECORD_KIND.pid, -1, 0, 0, 0, 0);
  const sharing = borrows ? CLONE.CLONE_VM | CLONE.CLONE_VFORK : 0;
  const flags = types.reduce(
    (all, type) => all | NAMESPACES[type].cloneFlag,
    CLONE.CLONE_PARENT | CLONE.CLONE_PARENT_SETTID | sharing,
  );
  const child = program.label();
  const options = { step: 'clone', onError: fail } as const;
  const clone = [words(flags, CLONE_FLAGS), NULL, shown(record + RECORD.pid, '&pid')];
  const tell = (): void => {
    program.op('write', [status, shown(record, '{pid}'), num(RECORD.size)], options);
  };
  // A child that could not tell who it is would be waited for by nobody: whether it can is tried before there is one.
  if (proc !== null) addReadPid(program, proc, program.room(PID_TEXT), options);
  if (borrows || proc !== null) {
    program.op('clone', clone, { ...options, onZero: child, namespaces: types });
    program.op('exit_group', [num(0)], options);
    program.place(child);
    // With borrowed memory it stands there before the clone runs.
    if (proc === null) tell();
    else addOwnPid(program, proc, status, fail);
    return;
  }
  // The clone waits for the carrier's end, so that its pid stands in the status pipe before whatever it has to say.
  const order = program.int32s(-1, -1);
  program.op('pipe2', [shown(order, 'order'), words(OPEN.O_CLOEXEC, OPEN)], options);
  // The exit signal of a CLONE_PARENT child is its parent's; the stack is copied with all memory.
  program.op('clone', clone, { ...options, onZero: child, namespaces: types });
  tell();
  program.op('exit_group', [num(0)], options);
  program.place(child);
  const go = program.label();
  const [read, write] = [int32At(order, 'order.r'), int32At(order + 4, 'order.w')];
  program.op('close', [write], options);
  program.op('read', [read, shown(program.room(8), 'buf'), num(1)], { ...options, onZero: go });
  program.place(go);
  program.op('close', [read], options);
};

/** Clones into the pid namespace that has been joined, where something is to be made in it. */
export const addEnteringClone = (
  program: ProgramBuilder,
  { enters, borrows }: Placement,
  status: Argument,
  fail: Label,
): void => {
  if (enters) addClone(program, { types: [], borrows, proc: null }, status, fail);
};

/**
 * Clones once more, as a sibling: the clone goes on with the program, and the carrier reports its pid and ends.
 *
 * @param proc - the caller's /proc, where there was a clone before
 */
export const addNestedClone = (
  program: ProgramBuilder,
  { enters, nested, borrows }: Placement,
  proc: Argument | null,
  status: Argument,
  fail: Label,
): void => {
  if (nested !== null) addClone(program, { types: nested, borrows, proc: enters ? proc : null }, status, fail);
};

/** Takes on uid and gid 0 inside, where the maps have them and the caller's own are not mapped. */
export const addBecome = (program: ProgramBuilder, { idMap }: SpawnPlan, fail: Label): void => {
  if (idMap === null) return;
  const options = { step: 'credentials', onError: fail } as const;
  const { uid, gid } = idMap.become;
  if (gid !== null) {
    // The caller's groups are not to be kept unnoticed.
    if (idMap.setgroups === 'allow') program.op('setgroups', [num(0), NULL], options);
    program.op('setresgid', [num(gid), num(gid), num(gid)], options);
  }
  if (uid !== null) program.op('setresuid', [num(uid), num(uid), num(uid)], options);
};

const PROPAGATION_FLAGS = {
  private: MOUNT.MS_PRIVATE,
  slave: MOUNT.MS_SLAVE,
  shared: MOUNT.MS_SHARED,
} as const;

/** Sets the propagation of all mounts. */
export const addPropagation = (
  program: ProgramBuilder,
  { propagation }: Pick<SpawnPlan, 'propagation'>,
  fail: Label,
): void => {
  if (propagation === null || propagation === 'unchanged') return;
  program.op(
    'mount',
    [
      program.string('none'),
      program.string('/'),
      NULL,
      words(MOUNT.MS_REC | PROPAGATION_FLAGS[propagation], MOUNT),
      NULL,
    ],
    { step: 'propagation', onError: fail, path: '/' },
  );
};

/** Sets host name and domain name. */
export const addNames = (
  program: ProgramBuilder,
  { hostname, domainname }: Pick<SpawnPlan, 'hostname' | 'domainname'>,
  fail: Label,
): void => {
  if (hostname !== null) {
    program.op('sethostname', [program.string(hostname), num(Buffer.byteLength(hostname))], {
      step: 'hostname',
      onError: fail,
    });
  }
  if (domainname !== null) {
    program.op('setdomainname', [program.string(domainname), num(Buffer.byteLength(domainname))], {
      step: 'domainname',
      onError: fail,
    });
  }
};

/** The rest of what a process is: its parent's death, session and working directory. */
export const addProcess = (program: ProgramBuilder, plan: SpawnPlan, parent: number | null, fail: Label): void => {
  const { detached, pty, cwd, init } = plan;
  // With an init that is the parent, and its end the end of all.
  const options = { step: 'parent-death', onError: fail } as const;
  addParentDeath(program, plan, init ? null : parent, options, () => {
    program.op('exit_group', [num(SETUP_FAILED_CODE)], { onError: 'next' });
  });
  if (detached || pty !== null) program.op('setsid', [], { step: 'session', onError: fail });
  addUmask(program, plan, fail);
  if (cwd !== null) program.op('chdir', [program.string(cwd)], { step: 'cwd', onError: fail, path: cwd });
};

/** Signals that Node.js ignores from its start on. */
export const IGNORED_BY_NODE: readonly number[] = [SIG.SIGPIPE, SIG.SIGXFSZ];
