import { createRequire } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import type { DataType } from 'ffi-rs';
import { err, ok, type Result } from 'neverthrow';
import { ERRNO } from '../../lib/errno.ts';

/** Everything that is asked of ffi-rs: memory to put programs into, and a way to run them. */
export interface Native {
  /** Maps zeroed private memory, readable and writable; an errno when there is none. */
  readonly map: (size: number) => Result<MappedMemory, number>;
  /** Takes zeroed memory of the JavaScript heap, which stays where it is and goes with its last user; an errno when there is none. */
  readonly allocate: (size: number) => Result<MappedMemory, number>;
  /** Makes mapped memory readable and executable, and no longer writable. */
  readonly seal: (memory: MappedMemory) => Result<void, number>;
  readonly unmap: (address: number, size: number) => void;
  /** Where libc keeps its pointer to the environment; see environ(7). */
  readonly environ: number;
  /** Calls the code at `code` with the address `argument`; one FFI call. */
  readonly call: (code: number, argument: number) => void;
}

/** Memory outside of the JavaScript heap, seen as a Buffer without a copy. */
export interface MappedMemory {
  readonly address: number;
  readonly bytes: Buffer;
  /** The same memory as 32-bit numbers. */
  readonly words: Int32Array;
}

/** The 32-bit numbers of a buffer that begins at a multiple of 4. */
export const wordsOf = ({ buffer, byteOffset, length }: Buffer): Int32Array =>
  new Int32Array(buffer, byteOffset, length >> 2);

/** How many FFI calls this thread has made; tests hold a spawn to one. */
export const ffiCalls = { count: 0 };

/** sys/mman.h, asm-generic: the same on x86-64 and arm64. */
const PROT_READ = 1;
const PROT_WRITE = 2;
const PROT_EXEC = 4;
const MAP_PRIVATE_ANONYMOUS = 0x22;

/** The key under which ffi-rs knows the process's own libc. */
const LIBC = 'linux-namespaces:libc';

const bind = (ffi: typeof import('ffi-rs')): Native => {
  // dlopen(NULL): whatever libc this process runs on, glibc or musl.
  ffi.open({ library: LIBC, path: '' });
  const U64 = 12 as DataType.U64;
  const I32 = 1 as DataType.I32;
  const U8Array = 10 as DataType.U8Array;
  const External = 11 as DataType.External;
  const word = [U64, U64, U64, U64, U64, U64];

  const callWithErrno = (
    funcName: string,
    retType: DataType,
    values: number[],
  ): { value: number; errnoCode: number } => {
    ffiCalls.count += 1;
    return ffi.load({
      library: LIBC,
      funcName,
      retType,
      paramsType: word.slice(0, values.length),
      paramsValue: values,
      errno: true,
    }) as { value: number; errnoCode: number };
  };

  // bsearch(key, base, 1, 1, compare) calls compare(key, base) once: a call through a pointer that ffi-rs can express.
  const paramsType = [U64, U64, U64, U64, U64];
  const paramsValue = [0, 0, 1, 1, 0];
  const search = { library: LIBC, funcName: 'bsearch', retType: U64, paramsType, paramsValue };

  const environ = ffi.load({
    library: LIBC,
    funcName: 'dlsym',
    retType: U64,
    paramsType: [U64, 0 as DataType.String],
    paramsValue: [0, 'environ'],
  });

  return {
    environ,
    map: (size) => {
      const mapped = callWithErrno('mmap', U64, [
        0,
        size,
        PROT_READ | PROT_WRITE,
        MAP_PRIVATE_ANONYMOUS,
        2 ** 32 - 1,
        0,
      ]);
      if (mapped.value <= 0) return err(mapped.errnoCode);
      ffiCalls.count += 1;
      const pointer = ffi.load({
        library: LIBC,
        funcName: 'memcpy',
        retType: External,
        paramsType: [U64, U64, U64],
        paramsValue: [mapped.value, mapped.value, 0],
      });
      const bytes = ffi.createExternalBuffer(pointer, size);
      return ok({ address: mapped.value, bytes, words: wordsOf(bytes) });
    },
    allocate: (size) => {
      try {
        const bytes = Buffer.from(new ArrayBuffer(size));
        ffiCalls.count += 1;
        const address = ffi.load({
          library: LIBC,
          funcName: 'memcpy',
          retType: U64,
          paramsType: [U8Array, U8Array, U64],
          paramsValue: [bytes, bytes, 0],
        });
        return ok({ address, bytes, words: wordsOf(bytes) });
      } catch {
        return err(ERRNO.ENOMEM);
      }
    },
    seal: ({ address, bytes }) => {
      const sealed = callWithErrno('mprotect', I32, [address, bytes.length, PROT_READ | PROT_EXEC]);
      return sealed.value === 0 ? ok(undefined) : err(sealed.errnoCode);
    },
    unmap: (address, size) => {
      callWithErrno('munmap', I32, [address, size]);
    },
    call: (code, argument) => {
      ffiCalls.count += 1;
      paramsValue[0] = argument;
      paramsValue[1] = argument;
      paramsValue[4] = code;
      ffi.load(search);
    },
  };
};

/** dlfcn.h: RTLD_LAZY, RTLD_NOLOAD and RTLD_NODELETE together. */
const STAY_LOADED = 0x1005;

/**
 * Keeps the addon loaded for good. Node.js unloads one when the last thread that loaded it ends, and the destructors
 * that Rust left with the thread run after that: a process that loads it in a Worker alone would crash.
 */
const keepLoaded = (ffi: typeof import('ffi-rs'), loaded: readonly string[]): void => {
  const paramsType = [0 as DataType.String, 1 as DataType.I32];
  for (const path of loaded) {
    if (!path.endsWith('.node')) continue;
    const paramsValue = [path, STAY_LOADED];
    ffi.load({ library: LIBC, funcName: 'dlopen', retType: 12 as DataType.U64, paramsType, paramsValue });
  }
};

/** Loads ffi-rs; the only place that does, and not before it is needed. */
export const loadNative = (): Result<Native, string> => {
  try {
    const require = createRequire(import.meta.url);
    const ffi = require('ffi-rs');
    const native = bind(ffi);
    // Whoever else has loaded it in this thread before.
    if (!isMainThread) {
      keepLoaded(
        ffi,
        Object.keys(require.cache).filter((path) => path.includes('ffi-rs')),
      );
    }
    return ok(native);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return err(`ffi-rs does not load: ${message.split('\n')[0]}`);
  }
};
