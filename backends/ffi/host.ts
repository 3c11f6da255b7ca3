import { readdirSync } from 'node:fs';
import { arch as nodeArch } from 'node:process';
import { err, ok, type Result } from 'neverthrow';
import { errnoName } from '../../lib/errno.ts';
import { type BackendUnavailable, backendUnavailable } from '../../lib/errors.ts';
import { CLOSE_RANGE } from './abi/constants.ts';
import type { Arch } from './abi/syscalls.ts';
import { openMemory, type ProgramMemory } from './memory.ts';
import { loadNative, type MappedMemory } from './native.ts';
import { num, words } from './program/argument.ts';
import { ProgramBuilder, SpaceExhausted } from './program/builder.ts';

/** The calling thread's means to run programs. */
export interface Host {
  readonly arch: Arch;
  /** Lays a program out and runs it, in one FFI call; an errno when there is no memory for it. */
  readonly run: <T>(space: number, build: (arena: MappedMemory) => Built<T>) => Result<T, number>;
  /** Runs a short program of calls. */
  readonly runCalls: (build: (program: ProgramBuilder) => void) => Result<ProgramBuilder, number>;
  /** Fds that are open in Node, to be closed one by one; null where close_range(2) closes them. */
  readonly strays: () => readonly number[] | null;
}

/** A program that is ready to run, and what to make of it afterwards. */
export interface Built<T> {
  readonly base: number;
  readonly value: T;
}

/** The architecture of this process, when the runner has been written for it. */
export const supportedArch = (): Arch | null => (nodeArch === 'x64' || nodeArch === 'arm64' ? nodeArch : null);

const SHORT_PROGRAM = 65_536;

const makeHost = (memory: ProgramMemory, arch: Arch): Host => {
  const run = <T>(space: number, build: (arena: MappedMemory) => Built<T>): Result<T, number> => {
    for (let size = space; ; size *= 2) {
      const arena = memory.arena(size);
      if (arena.isErr()) return err(arena.error);
      try {
        const { base, value } = build(arena.value);
        memory.run(base);
        return ok(value);
      } catch (error) {
        if (!(error instanceof SpaceExhausted)) throw error;
      }
    }
  };
  const runCalls: Host['runCalls'] = (build) =>
    run(SHORT_PROGRAM, ({ bytes, address }) => {
      // Behind the carrier's prefix, which stays in place.
      const program = new ProgramBuilder({ bytes, offset: 4_096, base: address + 4_096, arch });
      build(program);
      program.op('end', [], { onError: 'next' });
      program.finish();
      return { base: program.base, value: program };
    });
  let closesRanges: boolean | null = null;
  const probeCloseRange = (): boolean => {
    // A range in which no fd can be.
    const args = [num(0x7fffffff), num(0x7fffffff), words(CLOSE_RANGE.CLOSE_RANGE_CLOEXEC, CLOSE_RANGE)];
    const probed = runCalls((program) => program.op('close_range', args, { onError: 'next' }));
    return probed.isOk() && probed.value.result(0) === 0;
  };
  return {
    arch,
    run,
    runCalls,
    strays: () => {
      closesRanges ??= probeCloseRange();
      return closesRanges ? null : readdirSync('/proc/self/fd').map(Number);
    },
  };
};

const REFUSED = 'memory cannot be made executable here';

const openHost = (): Result<Host, BackendUnavailable> => {
  const arch = supportedArch();
  if (arch === null) return err(backendUnavailable('ffi', `no machine code has been written for ${nodeArch}`));
  return loadNative()
    .andThen((native) => openMemory(native, arch).mapErr((code) => `${REFUSED}: ${errnoName(code)}`))
    .map((memory) => makeHost(memory, arch))
    .mapErr((reason) => backendUnavailable('ffi', reason));
};

let opened: Result<Host, BackendUnavailable> | null = null;

/** The calling thread's host; opened at its first use, and kept. */
export const host = (): Result<Host, BackendUnavailable> => {
  opened ??= openHost();
  return opened;
};
