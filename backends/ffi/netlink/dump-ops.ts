import { NLM_F, RTM } from '../abi/netlink.ts';
import { num, resultOf, shown } from '../program/argument.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { addNetlinkSocket } from './socket.ts';
import { NetlinkWriter } from './writer.ts';

/** The kernel puts at most so much into one part of an answer, unless somebody has read with more room before. */
const PART_SIZE = 32_768;
const STDOUT = 1;

/** What is asked, one after the other. */
const QUESTIONS = [
  { type: RTM.RTM_GETLINK, size: 16, text: 'link show' },
  { type: RTM.RTM_GETADDR, size: 8, text: 'address show' },
  { type: RTM.RTM_GETROUTE, size: 12, text: 'route show' },
] as const;

/** Adds ops that write links, addresses and routes of the network the program is in to stdout, as the kernel tells them, and end. */
export const addNetworkDump = (program: ProgramBuilder): void => {
  const failed = program.label();
  const options = { onError: failed, expected: true } as const;
  const socket = addNetlinkSocket(program, 'NETLINK_ROUTE', options);
  const part = shown(program.room(PART_SIZE), 'part');
  for (const { type: question, size, text } of QUESTIONS) {
    const writer = new NetlinkWriter();
    writer.message(question, NLM_F.NLM_F_DUMP, text, () => writer.struct(size, () => {}));
    const { bytes } = writer.batch();
    program.op('write', [socket, shown(program.data(bytes), `[${text}]`), num(bytes.length)], options);
    const more = program.label();
    const done = program.label();
    program.place(more);
    // The kernel makes each part while the one before is read: nothing to read means that there are no more.
    const read = program.op('read', [socket, part, num(PART_SIZE)], { onError: done, expected: true });
    program.op('write', [num(STDOUT), part, resultOf(read, 'size')], options);
    program.op('close', [num(-1)], { onError: more, expected: true });
    program.place(done);
  }
  program.op('exit_group', [num(0)], { onError: 'next' });
  program.place(failed);
  program.op('exit_group', [num(1)], { onError: 'next' });
};
