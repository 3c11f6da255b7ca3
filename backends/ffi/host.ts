import { readdirSync } from 'node:fs';
import { isMainThread } from 'node:worker_threads';
import { err, ok, type Result } from 'neverthrow';
import { ERRNO, errnoName } from '../../lib/errno.ts';
import { type BackendUnavailable, backendUnavailable } from '../../lib/errors.ts';
import { CLOSE_RANGE } from './abi/constants.ts';
import type { Arch } from './abi/syscalls.ts';
import { type Arena, openMemory, type ProgramMemory } from './memory.ts';
import { loadNative, type MappedMemory } from './native.ts';
import { words as flags, NULL, num } from './program/argument.ts';
import { ProgramBuilder, SpaceExhausted } from './program/builder.ts';

/** The calling thread's means to run programs. */
export interface Host {
  readonly arch: Arch;
  readonly makeArena: () => Arena;
  /** Runs a program that has been laid out; one FFI call. */
  readonly run: (base: number) => void;
  /** Where libc keeps the pointer to this process's environment; null in a thread whose process.env is a copy. */
  readonly environ: number | null;
  /** Runs a short program of calls. */
  readonly runCalls: (build: (program: ProgramBuilder) => void) => Result<ProgramBuilder, number>;
  /** Whether a child may share Node's memory while Node goes on. */
  readonly mayShare: () => boolean;
  /** Fds that are open in Node, to be closed one by one; null where close_range(2) closes them. */
  readonly strays: () => readonly number[] | null;
}

/** The architecture of this process, when the runner has been written for it. */
export const supportedArch = (): Arch | null => {
  // An import from node:process would open stdin, stdout and stderr as streams: a terminal becomes non-blocking by it.
  const { arch } = process;
  return arch === 'x64' || arch === 'arm64' ? arch : null;
};

/**
 * Lays something out in an arena, in as much memory as it turns out to take.
 *
 * @returns what `build` returns, or an errno when there is no memory for it
 */
export const layOut = <T>(arena: Arena, space: number, build: (memory: MappedMemory) => T): Result<T, number> => {
  for (let size = space; ; ) {
    const memory = arena.take(size);
    if (memory.isErr()) return err(memory.error);
    size = memory.value.bytes.length * 2;
    try {
      return ok(build(memory.value));
    } catch (error) {
      if (!(error instanceof SpaceExhausted)) throw error;
    }
  }
};

const openFds = (): readonly number[] => {
  try {
    return readdirSync('/proc/self/fd').map(Number);
  } catch {
    // Without an fd to read the directory with there are none for the launch's pipes: it will fail by itself.
    return [];
  }
};

const makeHost = ({ makeArena, run }: ProgramMemory, arch: Arch, environ: number | null): Host => {
  const short = makeArena();
  const runCalls: Host['runCalls'] = (build) =>
    layOut(short, 1, ({ bytes, words, address }) => {
      const program = new ProgramBuilder({ bytes, words, offset: 0, base: address, arch });
      build(program);
      program.op('end', [], { onError: 'next' });
      program.finish();
      return program;
    }).map((program) => {
      run(program.base);
      return program;
    });
  let closesRanges: boolean | null = null;
  const probeCloseRange = (): boolean => {
    // A range in which no fd can be.
    const args = [num(0x7fffffff), num(0x7fffffff), flags(CLOSE_RANGE.CLOSE_RANGE_CLOEXEC, CLOSE_RANGE)];
    const probed = runCalls((program) => program.op('close_range', args, { onError: 'next' }));
    return probed.isOk() && probed.value.result(0) === 0;
  };
  let sharesSafely: boolean | null = null;
  // A core dump killed all processes of the same memory before Linux 5.16, which futex_waitv(2) came with.
  const probeShare = (): boolean => {
    const args = [NULL, num(0), num(0), NULL, num(0)];
    const probed = runCalls((program) => program.op('futex_waitv', args, { onError: 'next' }));
    return probed.isOk() && probed.value.result(0) === -ERRNO.EINVAL;
  };
  return {
    arch,
    makeArena,
    run,
    environ,
    runCalls,
    mayShare: () => {
      sharesSafely ??= probeShare();
      return sharesSafely;
    },
    strays: () => {
      closesRanges ??= probeCloseRange();
      return closesRanges ? null : openFds();
    },
  };
};

const REFUSED = 'memory cannot be made executable here';

const openHost = (): Result<Host, BackendUnavailable> => {
  const arch = supportedArch();
  if (arch === null) return err(backendUnavailable('ffi', `no machine code has been written for ${process.arch}`));
  return loadNative()
    .andThen((native) =>
      openMemory(native, arch)
        .map((memory) => makeHost(memory, arch, isMainThread && native.environ > 0 ? native.environ : null))
        .mapErr((code) => `${REFUSED}: ${errnoName(code)}`),
    )
    .mapErr((reason) => backendUnavailable('ffi', reason));
};

let opened: Result<Host, BackendUnavailable> | null = null;

/** The calling thread's host; opened at its first use, and kept. */
export const host = (): Result<Host, BackendUnavailable> => {
  opened ??= openHost();
  return opened;
};
