import { readlinkSync } from 'node:fs';
import { NAMESPACES } from '../../../lib/namespace.ts';
import { AT, CLONE, CLONE_ARGS, CLONE_CLEAR_SIGHAND, FCNTL, KERNEL_SIGSET_SIZE, OPEN, SIG } from '../abi/constants.ts';
import { CARRIER_PREFIX_SIZE, CARRIER_PROGRAM_BASE, setProgramSize } from '../carrier/elf.ts';
import { remainingWays } from '../carrier/vehicles.ts';
import { type Host, layOut } from '../host.ts';
import type { MappedMemory } from '../native.ts';
import { addressOfOp, int32At, NULL, num, resultOf, shown, words } from '../program/argument.ts';
import { ProgramBuilder } from '../program/builder.ts';
import { OP } from '../program/layout.ts';
import { addVehicle, type Vehicle } from './launch-program.ts';
import { jump } from './mount-target.ts';
import { CLONE_FLAGS } from './set-up-ops.ts';

/** More than `time:[4026531834]` takes. */
const LINK_SIZE = 32;
const SPACE = 16_384;
/** An fd is a 32-bit number. */
const FD_SIZE = 4;
const quiet = { onError: 'next' } as const;

/** The carrier of the question: it tells two names, of the time namespace that it is in and of the one that its children would be in. */
const addTelling = (carrier: ProgramBuilder): number => {
  const pipe = carrier.int32s(-1, -1);
  const names = carrier.zeros(2 * LINK_SIZE);
  for (const [index, name] of ['time', 'time_for_children'].entries()) {
    const path = carrier.string(`/proc/self/ns/${name}`);
    const args = [words(AT.AT_FDCWD, AT), path, shown(names + index * LINK_SIZE, 'name'), num(LINK_SIZE)];
    carrier.op('readlinkat', args, quiet);
  }
  carrier.op('write', [int32At(pipe + 4, 'pipe.w'), shown(names, 'names'), num(2 * LINK_SIZE)], quiet);
  carrier.op('exit_group', [num(0)], quiet);
  return pipe;
};

const ownTime = (): string => {
  try {
    return readlinkSync('/proc/self/ns/time');
  } catch {
    // Without /proc nobody can tell.
    return '';
  }
};

const build = ({ bytes, words: numbers, address }: MappedMemory, { arch }: Host, vehicle: Vehicle) => {
  const builderAt = (end: number, base?: number): ProgramBuilder => {
    const offset = Math.ceil(end / 64) * 64;
    return new ProgramBuilder({ bytes, words: numbers, arch, offset, base: base ?? address + offset });
  };
  const carrier = builderAt(CARRIER_PREFIX_SIZE, CARRIER_PROGRAM_BASE);
  const pipeInCarrier = addTelling(carrier);
  carrier.finish();
  setProgramSize(bytes, carrier.size);
  const size = CARRIER_PREFIX_SIZE + carrier.size;
  const pipe = pipeInCarrier + address + CARRIER_PREFIX_SIZE - CARRIER_PROGRAM_BASE;
  const [read, write] = [int32At(pipe, 'pipe.r'), int32At(pipe + 4, 'pipe.w')];

  const child = builderAt(size);
  const executable = child.int32s(-1, -1);
  const name = child.strings(['ns-time']);
  // As a child beside Node does it: a clone3 that makes one enters it at once before Linux 6.3, with CLONE_VM as well.
  child.op('unshare', [words(NAMESPACES.time.cloneFlag, CLONE_FLAGS)], quiet);
  child.op('fcntl', [write, words(FCNTL.F_SETFD, FCNTL), num(0)], quiet);
  const image = [int32At(executable, 'executable'), child.string(''), name, child.strings([])];
  child.op('execveat', [...image, words(AT.AT_EMPTY_PATH, AT)], quiet);
  child.op('exit_group', [num(1)], quiet);
  child.finish();

  const launch = builderAt(Math.ceil(size / 64) * 64 + child.size);
  const fail = launch.label();
  const setMask = words(SIG.SIG_SETMASK, { SIG_SETMASK: SIG.SIG_SETMASK });
  const [saved, sigset] = [shown(launch.zeros(KERNEL_SIGSET_SIZE), 'saved'), num(KERNEL_SIGSET_SIZE)];
  const answer = launch.zeros(2 * LINK_SIZE);
  launch.op('rt_sigprocmask', [setMask, shown(launch.int32s(-1, -1), '~[]'), saved, sigset], quiet);
  launch.op('pipe2', [shown(pipe, 'pipe'), words(OPEN.O_CLOEXEC, OPEN)], { onError: fail });
  const close = launch.label();
  const made = addVehicle(launch, { address, size }, vehicle, close);
  // Its number is carried to the child's memory through the pipe, which is still empty.
  launch.op('write', [write, addressOfOp(made.value, OP.result), num(FD_SIZE)], quiet);
  launch.op('read', [read, shown(executable, '&executable'), num(FD_SIZE)], quiet);
  const args = Array<number>(CLONE_ARGS.size / 8).fill(0);
  // Without privilege a user namespace has to own it.
  const user = process.geteuid?.() === 0 ? 0 : NAMESPACES.user.cloneFlag;
  args[CLONE_ARGS.flags / 8] = CLONE.CLONE_VM + CLONE_CLEAR_SIGHAND + user;
  args[CLONE_ARGS.exitSignal / 8] = SIG.SIGCHLD;
  const clone = launch.op('clone3', [shown(launch.int64s(args), '{...}'), num(CLONE_ARGS.size)], {
    ...{ onError: close, childProgram: child.base },
  });
  launch.op('close', [write], quiet);
  launch.op('read', [read, shown(answer, 'answer'), num(2 * LINK_SIZE)], quiet);
  launch.op('wait4', [resultOf(clone, 'child'), NULL, num(0), NULL], quiet);
  const end = launch.label();
  jump(launch, end);
  launch.place(close);
  launch.op('close', [write], quiet);
  launch.place(end);
  for (const fd of [made, read]) launch.op('close', [fd], quiet);
  launch.place(fail);
  launch.op('rt_sigprocmask', [setMask, saved, NULL, sigset], quiet);
  launch.op('end', [], quiet);
  launch.finish();
  return { launch, answer };
};

let known: boolean | null = null;

/**
 * Whether execve(2) enters a time namespace that was unshared before it, as it does from Linux 6.3 on; a carrier is asked,
 * once. Where none can be, it is not so.
 */
export const entersTimeOnExec = (host: Host): boolean => {
  if (known !== null) return known;
  const vehicle = remainingWays()[0]?.make() ?? null;
  if (vehicle === null) return false;
  const arena = host.makeArena();
  const laid = layOut(arena, SPACE, (memory) => build(memory, host, vehicle));
  if (laid.isErr()) return false;
  const { launch, answer } = laid.value;
  host.run(launch.base);
  const nameAt = (address: number): string => launch.bytesAt(address, LINK_SIZE).toString('latin1').replace(/\0+$/, '');
  const [is, willBe, ours] = [nameAt(answer), nameAt(answer + LINK_SIZE), ownTime()];
  arena.free();
  if (is === '' || ours === '') return false;
  known = is === willBe && is !== ours;
  return known;
};
