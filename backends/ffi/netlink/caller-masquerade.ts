import { randomBytes } from 'node:crypto';
import { err, ok, type Result } from 'neverthrow';
import type { Masquerade } from '../../../lib/backend.ts';
import { ERRNO, errnoName } from '../../../lib/errno.ts';
import { type SetupFailed, type Unsupported, unsupported } from '../../../lib/errors.ts';
import { type CallerMasquerade, MASQUERADE_TABLE } from '../../../lib/network.ts';
import type { Host } from '../host.ts';
import { num } from '../program/argument.ts';
import type { OpInfo } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { refusedMessage, stepFailed } from '../spawn/failure.ts';
import { closeFds } from '../spawn/launch.ts';
import { masqueradeBatch } from './masquerade.ts';
import { addMasquerade, addSocket } from './network-ops.ts';

const NO_MEMORY: OpInfo = { name: 'mmap', args: [], options: { step: 'prepare', onError: 'next' } };

/** What a kernel says of a table with an owner that knows none. */
const NO_OWNERS: readonly string[] = [errnoName(ERRNO.EINVAL), errnoName(ERRNO.ENOTSUP)];

/**
 * Masquerades in the calling thread's own network. The rules stand in a table that belongs to a socket of this process:
 * they go when that is closed, however this process ends.
 */
export const masqueradeForCaller = (
  host: Host,
  { from, ...plan }: CallerMasquerade,
): Result<Masquerade, SetupFailed | Unsupported> => {
  const table = `${MASQUERADE_TABLE}-${randomBytes(6).toString('hex')}`;
  const batch = masqueradeBatch(plan, { table, owned: true, from });
  let answer = { sent: 0, address: 0, read: 0 };
  const ran = host.runCalls((program) => {
    const end = program.label();
    program.recordKind(0);
    const opened = addSocket(program, 'nftables', 'NETLINK_NETFILTER', end);
    addMasquerade(
      program,
      batch,
      opened,
      (sent, { value: address }, { value: read }) => {
        answer = { sent, address, read };
        program.op('close', [opened], { onError: 'next' });
        program.op('close', [num(-1)], { onError: end, expected: true });
      },
      end,
    );
    program.place(end);
  });
  if (ran.isErr()) return err(stepFailed(NO_MEMORY, ran.error));
  const program = ran.value;
  const failed = program.ops[program.read32(program.record + RECORD.op)];
  const size = program.result(answer.read);
  // The first op opens it.
  const fd = program.result(0);
  if (failed !== undefined) {
    if (fd >= 0) closeFds(host, [fd]);
    return err(stepFailed(failed, program.read64(program.record + RECORD.errno)));
  }
  if (size <= 0) return ok({ close: () => closeFds(host, [fd]) });
  const op = program.ops[answer.sent] as OpInfo;
  const refused = refusedMessage(op, batch.texts, program.bytesAt(answer.address, size));
  return NO_OWNERS.includes(refused.errno ?? '') && refused.call.includes('add table')
    ? err(unsupported('ffi', "masquerade in the caller's network", 'tables with an owner: Linux 5.12 or newer'))
    : err(refused);
};
