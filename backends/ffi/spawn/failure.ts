import { err } from 'neverthrow';
import { ERRNO, errnoName } from '../../../lib/errno.ts';
import { type ExecFailed, execFailed, type SetupFailed, setupFailed } from '../../../lib/errors.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { parseError, parseMessages } from '../netlink/parser.ts';
import type { OpInfo } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { renderOp } from '../program/render.ts';

/** The error that stands for an op that failed. */
export const stepFailed = (op: OpInfo, code: number): SetupFailed => {
  const { options } = op;
  const step = options.step === undefined || options.step === 'exec' ? 'prepare' : options.step;
  const namespaces = options.namespaces ?? [];
  const path = options.path ?? null;
  const errno = errnoName(code);
  return setupFailed({
    backend: 'ffi',
    step,
    syscall: op.name,
    call: renderOp(op),
    errno,
    namespaces,
    path,
    diagnosis: null,
  });
};

/** Errors that only mean that the command is not in this directory. */
const ABSENT: readonly number[] = [ERRNO.ENOENT, ERRNO.ENOTDIR, ERRNO.ESTALE, ERRNO.ENODEV, ERRNO.ETIMEDOUT];

/**
 * The error of a search as execvp(3) gives it: what stopped the search; else EACCES, when a file was there that may not
 * be executed; else that of the last directory.
 */
const execError = (plan: SpawnPlan, candidates: Buffer, last: number): ExecFailed => {
  const errnos: number[] = [];
  for (let at = OP.result; at + 8 <= candidates.length; at += OP.size)
    errnos.push(-Number(candidates.readBigInt64LE(at)));
  const stopped = errnos.find((errno) => errno > 0 && errno !== ERRNO.EACCES && !ABSENT.includes(errno));
  const denied = errnos.includes(ERRNO.EACCES) ? ERRNO.EACCES : null;
  return execFailed(plan.command, stopped ?? denied ?? (errnos.length > 1 ? ERRNO.ENOENT : last));
};

/** What the kernel answered to a batch of messages; a failure all the same when that cannot be read. */
export const refusedMessage = (op: OpInfo, texts: readonly string[], answer: Buffer): SetupFailed => {
  const error = parseMessages(answer).andThen(([first]) =>
    first === undefined ? err(null) : parseError(first).mapErr(() => null),
  );
  const { errno, sequence, words } = error.unwrapOr({ errno: ERRNO.EBADMSG, sequence: -1, words: null });
  const text = texts[sequence] ?? texts.join('; ');
  return setupFailed({
    backend: 'ffi',
    step: 'network',
    syscall: op.name,
    call: `${op.options.protocol ?? 'rtnetlink'}(${text})${words === null ? '' : `: ${words}`}`,
    errno: errnoName(errno),
    namespaces: ['net'],
    path: null,
    diagnosis: null,
  });
};

/** The error that stands for an op of the child that failed; `rest` is what came behind the record. */
export const childFailed = (plan: SpawnPlan, op: OpInfo, errno: number, rest: Buffer): SetupFailed | ExecFailed => {
  const { step, netlink } = op.options;
  if (step === 'exec') return execError(plan, rest, errno);
  return netlink !== undefined && errno === 0 ? refusedMessage(op, netlink, rest) : stepFailed(op, errno);
};

/** The error for a child that was killed before it became the command. */
export const carrierKilled = (how: string): SetupFailed =>
  setupFailed({
    backend: 'ffi',
    step: 'carrier',
    syscall: 'execveat',
    call: `the process ${how} while it was being set up`,
    errno: null,
    namespaces: [],
    path: null,
    diagnosis: null,
  });
