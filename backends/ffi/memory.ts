import { isMainThread } from 'node:worker_threads';
import { ok, type Result } from 'neverthrow';
import type { Arch } from './abi/syscalls.ts';
import { CARRIER_PREFIX_SIZE, writeCarrierPrefix } from './carrier/elf.ts';
import { MACHINE_CODE } from './machine/code.ts';
import type { MappedMemory, Native } from './native.ts';

/** Pages of 64 KiB exist on arm64; what is a multiple of that is a multiple of every page. */
const LARGEST_PAGE = 65_536;

/** The runner's page, and the memory that programs are built in. One per thread; memory is kept and used again. */
export interface ProgramMemory {
  /** The arena, of at least so many bytes; valid until the next call. An errno when memory is short. */
  readonly arena: (size: number) => Result<MappedMemory, number>;
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
    let arena: MappedMemory | null = null;
    const release = (): void => {
      if (arena !== null) native.unmap(arena.address, arena.bytes.length);
      arena = null;
    };
    // The memory of a process goes with it; that of a worker thread has to be given back.
    if (!isMainThread) {
      process.once('exit', () => {
        release();
        native.unmap(runner.address, LARGEST_PAGE);
      });
    }
    return {
      arena: (size) => {
        if (arena !== null && arena.bytes.length >= size) return ok(arena);
        let wanted = LARGEST_PAGE;
        while (wanted < size) wanted *= 2;
        return native.map(wanted).map((mapped) => {
          release();
          writeCarrierPrefix(mapped.bytes.subarray(0, CARRIER_PREFIX_SIZE), arch);
          arena = mapped;
          return mapped;
        });
      },
      run: (base) => native.call(runner.address, base),
    };
  });
