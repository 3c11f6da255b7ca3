import { isMainThread } from 'node:worker_threads';
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

/** Maps the runner's code: written first, then readable and executable, never both. */
const mapRunner = (native: Native, arch: Arch): Result<MappedMemory, number> =>
  native.map(LARGEST_PAGE).andThen((memory) => {
    memory.bytes.set(Buffer.from(MACHINE_CODE[arch].hex, 'hex'));
    return native
      .seal(memory)
      .map(() => memory)
      .mapErr((code) => {
        native.unmap(memory.address, LARGEST_PAGE);
        return code;
      });
  });

/** Sets up program memory for the calling thread. */
export const openMemory = (native: Native, arch: Arch): Result<ProgramMemory, number> =>
  mapRunner(native, arch).map((runner) => {
    const mapped = new Set<MappedMemory>([runner]);
    const unmap = (memory: MappedMemory): void => {
      mapped.delete(memory);
      native.unmap(memory.address, memory.bytes.length);
    };
    // The memory of a process goes with it; that of a worker thread has to be given back.
    if (!isMainThread) process.once('exit', () => mapped.forEach(unmap));
    const makeArena = (): Arena => {
      let current: MappedMemory | null = null;
      return {
        take: (size) => {
          if (current !== null && current.bytes.length >= size) return ok(current);
          let wanted = LARGEST_PAGE;
          while (wanted < size) wanted *= 2;
          return native.map(wanted).map((memory) => {
            if (current !== null) unmap(current);
            writeCarrierPrefix(memory.bytes.subarray(0, CARRIER_PREFIX_SIZE), arch);
            mapped.add(memory);
            current = memory;
            return memory;
          });
        },
        free: () => {
          if (current !== null) unmap(current);
          current = null;
        },
      };
    };
    return { makeArena, run: (base) => native.call(runner.address, base) };
  });
