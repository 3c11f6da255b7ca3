import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import { ok, type Result } from 'neverthrow';
import type { Arch } from './abi/syscalls.ts';
import { CARRIER_PREFIX_SIZE, writeCarrierPrefix } from './carrier/elf.ts';
import { MACHINE_CODE } from './machine/code.ts';
import type { MappedMemory, Native } from './native.ts';

/** Pages of 64 KiB exist on arm64; what is a multiple of that is a multiple of every page. */
const LARGEST_PAGE = 65_536;

/** Memory for programs; one at a time, kept and used again, never smaller than before. */
export interface Arena {
  /** Memory of at least so many bytes; valid until the next call. An errno when memory is short. */
  readonly take: (size: number) => Result<MappedMemory, number>;
  /** Gives the memory back. */
  readonly free: () => void;
}

/** The runner's page, and the memory that programs are built in; one per thread. */
export interface ProgramMemory {
  readonly makeArena: () => Arena;
  /** Runs the program whose header is at the address. */
  readonly run: (base: number) => void;
}

/** A page: less is never mapped, whatever the size of pages is. */
const RUNNER_SIZE = 4_096;
/** Under this name a Worker finds the runner of the thread that started it. */
const RUNNER = 'linux-namespaces:runner';

interface Runner {
  readonly address: number;
  readonly hex: string;
}

const isRunner = (value: unknown): value is Runner =>
  typeof value === 'object' && value !== null && 'address' in value && 'hex' in value;

/** Maps the runner's code: written first, then readable and executable, never both. */
const mapRunner = (native: Native, hex: string): Result<Runner, number> =>
  native.map(RUNNER_SIZE).andThen((memory) => {
    memory.bytes.set(Buffer.from(hex, 'hex'));
    return native
      .seal(memory)
      .map(() => ({ address: memory.address, hex }))
      .mapErr((code) => {
        native.unmap(memory.address, RUNNER_SIZE);
        return code;
      });
  });

/**
 * The runner, which is never given back: nothing tells when the last listener of a thread's `exit` has run. So threads share
 * that of the one that started them.
 */
const openRunner = (native: Native, arch: Arch): Result<Runner, number> => {
  const { hex } = MACHINE_CODE[arch];
  const known: unknown = getEnvironmentData(RUNNER);
  if (isRunner(known) && known.hex === hex) return ok(known);
  return mapRunner(native, hex).map((runner) => {
    setEnvironmentData(RUNNER, { ...runner });
    return runner;
  });
};

/** Sets up program memory for the calling thread. */
export const openMemory = (native: Native, arch: Arch): Result<ProgramMemory, number> =>
  openRunner(native, arch).map((runner) => {
    // A child beside the main thread may still read it when JavaScript's heap is gone. That of a Worker goes with its thread,
    // however that ends; no child there reads it when the call is over.
    const { take, giveBack } = isMainThread
      ? { take: native.map, giveBack: native.unmap }
      : { take: native.allocate, giveBack: () => {} };
    const makeArena = (): Arena => {
      let current: MappedMemory | null = null;
      const free = (): void => {
        if (current !== null) giveBack(current.address, current.bytes.length);
        current = null;
      };
      return {
        take: (size) => {
          if (current !== null && current.bytes.length >= size) return ok(current);
          let wanted = LARGEST_PAGE;
          while (wanted < size) wanted *= 2;
          return take(wanted).map((memory) => {
            free();
            writeCarrierPrefix(memory.bytes.subarray(0, CARRIER_PREFIX_SIZE), arch);
            current = memory;
            return memory;
          });
        },
        free,
      };
    };
    return { makeArena, run: (base) => native.call(runner.address, base) };
  });
