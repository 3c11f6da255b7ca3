import { type NetworkPlan, usesCaller } from '../../../lib/network.ts';
import { AT, OPEN } from '../abi/constants.ts';
import { IFREQ, IOCTL, NETLINK } from '../abi/netlink.ts';
import { type Argument, addressOfOp, int32At, num, resultOf, shown, words } from '../program/argument.ts';
import type { Label, OpOptions, ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { type NetworkStep, networkSteps } from './batches.ts';
import { masqueradeBatch } from './masquerade.ts';
import { addNetlinkSocket } from './socket.ts';
import type { Hole, NetlinkBatch } from './writer.ts';

/** What stands for one network namespace in a program. */
interface Side {
  /** A socket of rtnetlink(7) that belongs to it. */
  readonly socket: Argument;
  /** The op that opened an fd of it; null where none is needed. */
  readonly namespace: number | null;
}

/** Ops that tell somebody what the kernel had against a batch; nothing comes after them. */
export type Refusal = (batch: number, answer: Argument, size: Argument) => void;

/** An answer is a header, the errno, the message that it is about, and some words. */
const ANSWER_SIZE = 4_096;

const OPTIONS = { step: 'network' } as const;

/** Opens a socket of netlink(7) that does not wait, and says in words what it refuses. */
export const addSocket = (
  program: ProgramBuilder,
  name: string,
  protocol: 'NETLINK_ROUTE' | 'NETLINK_NETFILTER',
  fail: Label,
): Argument => {
  const options = { ...OPTIONS, onError: fail };
  const socket = addNetlinkSocket(program, protocol, options, name);
  // The kernel's own words with an error; since Linux 4.12.
  const on = shown(program.int32s(1, 0), '[1]');
  const option = [
    words(NETLINK.SOL_NETLINK, { SOL_NETLINK: NETLINK.SOL_NETLINK }),
    words(NETLINK.NETLINK_EXT_ACK, { NETLINK_EXT_ACK: NETLINK.NETLINK_EXT_ACK }),
  ];
  program.op('setsockopt', [socket, ...option, on, num(4)], { onError: 'next' });
  return socket;
};

const addSide = (program: ProgramBuilder, name: string, namespace: boolean, fail: Label): Side => {
  const options = { ...OPTIONS, onError: fail };
  const socket = addSocket(program, name, 'NETLINK_ROUTE', fail);
  if (!namespace) return { socket, namespace: null };
  // Of the thread: a program may run in one that has left the others.
  const path = '/proc/thread-self/ns/net';
  const readOnly = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);
  const opened = program.op('openat', [words(AT.AT_FDCWD, AT), program.string(path), readOnly], { ...options, path });
  return { socket, namespace: opened };
};

const opens = ({ socket, namespace }: Side): readonly Argument[] =>
  namespace === null ? [socket] : [socket, resultOf(namespace, 'netns')];

/**
 * Keeps hold of the network namespace that the program is in, for what a plan needs of it; to be added before that
 * namespace is left.
 */
export const addCallerSide = (program: ProgramBuilder, plan: NetworkPlan | null, fail: Label): Side | null =>
  plan !== null && usesCaller(plan) ? addSide(program, 'caller', true, fail) : null;

/** Fills holes by way of a pipe, which is how a program copies memory. */
const addHoles = (
  program: ProgramBuilder,
  holes: readonly Hole[],
  batch: number,
  sides: Readonly<Record<'own' | 'caller', Side | null>>,
  opened: Argument[],
  fail: Label,
): void => {
  if (holes.length === 0) return;
  const options = { ...OPTIONS, onError: fail };
  const pair = program.int32s(-1, -1);
  program.op('pipe2', [shown(pair, 'copy'), words(OPEN.O_CLOEXEC, OPEN)], options);
  const [read, write] = [int32At(pair, 'copy.r'), int32At(pair + 4, 'copy.w')];
  opened.push(read, write);
  for (const { offset, value } of holes) {
    const side = sides[value.of];
    if (side === null) throw new TypeError(`Nothing is known of the ${value.of} side`);
    const hole = batch + offset;
    if (value.type === 'netns') {
      if (side.namespace === null) throw new TypeError(`There is no fd of the ${value.of} side`);
      program.op('write', [write, addressOfOp(side.namespace), num(OP.result + 4)], options);
      program.op('read', [read, shown(program.room(OP.result), 'skipped'), num(OP.result)], options);
      program.op('read', [read, shown(hole, `${value.of} netns`), num(4)], options);
      continue;
    }
    const request = Buffer.alloc(IFREQ.size);
    request.write(value.name);
    const address = program.data(request);
    const name = JSON.stringify(value.name);
    const call = words(IOCTL.SIOCGIFINDEX, IOCTL);
    program.op('ioctl', [side.socket, call, shown(address, `{ifr_name=${name}}`)], options);
    program.op('write', [write, shown(address + IFREQ.index, `index of ${name}`), num(4)], options);
    program.op('read', [read, shown(hole, `index of ${name}`), num(4)], options);
  }
};

/** Sends messages; no answer means that the kernel has done all that they say. */
const addStep = (
  program: ProgramBuilder,
  { batch }: Pick<NetworkStep, 'batch'>,
  address: number,
  socket: Argument,
  refuse: Refusal,
  fail: Label,
  more: Pick<OpOptions, 'protocol'> = {},
): void => {
  const said = shown(address, `[${batch.texts.join('; ')}]`);
  const sent = program.op('write', [socket, said, num(batch.bytes.length)], {
    ...OPTIONS,
    onError: fail,
    netlink: batch.texts,
    ...more,
  });
  const answer = shown(program.room(ANSWER_SIZE), 'answer');
  const done = program.label();
  // Who has more to say than the socket can hold gets ENOBUFS first, and the first answer then.
  const again = program.label();
  for (const next of [again, done]) {
    const read = program.op('read', [socket, answer, num(ANSWER_SIZE)], { onError: next, expected: true });
    refuse(sent, answer, resultOf(read, 'size'));
    program.place(next);
  }
};

/** Sends rules of nftables. */
export const addMasquerade = (
  program: ProgramBuilder,
  batch: NetlinkBatch,
  socket: Argument,
  refuse: Refusal,
  fail: Label,
): void => addStep(program, { batch }, program.data(batch.bytes), socket, refuse, fail, { protocol: 'nftables' });

const addSysctls = (program: ProgramBuilder, { sysctls }: NetworkPlan, opened: Argument[], fail: Label): void => {
  const flags = words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN);
  for (const { path, value } of sysctls) {
    const options = { ...OPTIONS, onError: fail, path };
    const file = resultOf(
      program.op('openat', [words(AT.AT_FDCWD, AT), program.string(path), flags], options),
      'sysctl',
    );
    program.op('write', [file, program.string(value), num(Buffer.byteLength(value))], options);
    opened.push(file);
  }
};

/**
 * Sets up the network namespace that the program is in.
 *
 * @param caller - what {@link addCallerSide} returned
 * @param refuse - adds the ops that tell of an answer of the kernel, and that nothing comes after
 * @returns what it opened, to be closed once, whether it failed or not
 */
export const addNetwork = (
  program: ProgramBuilder,
  plan: NetworkPlan,
  caller: Side | null,
  refuse: Refusal,
  fail: Label,
): readonly Argument[] => {
  const { create, configure } = networkSteps(plan);
  const isMovedInto = plan.interfaces.some(({ link }) => link.type === 'move');
  const own = addSide(program, 'rtnetlink', isMovedInto, fail);
  const sides = { own, caller };
  const opened = [...opens(own), ...(caller === null ? [] : opens(caller))];
  const addSteps = (steps: readonly NetworkStep[]): void => {
    for (const step of steps) {
      const side = sides[step.through];
      if (side === null) throw new TypeError('A network of the caller is not known');
      const address = program.data(step.batch.bytes);
      addHoles(program, step.batch.holes, address, sides, opened, fail);
      addStep(program, step, address, side.socket, refuse, fail);
    }
  };
  addSteps(create);
  addSysctls(program, plan, opened, fail);
  addSteps(configure);
  if (plan.masquerade !== null) {
    const socket = addSocket(program, 'nftables', 'NETLINK_NETFILTER', fail);
    opened.push(socket);
    addMasquerade(program, masqueradeBatch(plan.masquerade), socket, refuse, fail);
  }
  return opened;
};
