import { type BinfmtEntry, matchesEntry } from './binfmt.ts';

/** What execve(2) will make of a file, told from its first bytes. */
export type Executable =
  /** The kernel runs it, with that interpreter, if it names one. */
  | { readonly type: 'runs'; readonly interpreter: Buffer | null }
  /** ENOEXEC: a shell would take it for a script of its own instead. */
  | { readonly type: 'no-format' }
  /** Not to be told from here. */
  | { readonly type: 'unclear' };

/** EI_CLASS and e_machine of what a kernel of this architecture runs, from linux/elf-em.h; 32-bit ones included. */
const MACHINES: Readonly<Partial<Record<string, readonly (readonly [elfClass: number, machine: number])[]>>> = {
  x64: [
    [2, 62],
    [1, 62],
    [1, 3],
  ],
  arm64: [
    [2, 183],
    [1, 40],
  ],
};

const PT_INTERP = 3;

const uint64 = (bytes: Buffer, at: number): number => Number(bytes.readBigUInt64LE(at));

/** The loader that an ELF file names; null when it names none, or beyond the bytes at hand. See elf(5). */
const elfInterpreter = (head: Buffer): Buffer | null => {
  const wide = head[4] === 2;
  if (head.length < 64) return null;
  const table = wide ? uint64(head, 32) : head.readUInt32LE(28);
  const size = head.readUInt16LE(wide ? 54 : 42);
  const count = head.readUInt16LE(wide ? 56 : 44);
  for (let at = table; at < table + size * count && at + size <= head.length && size > 0; at += size) {
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const offset = wide ? uint64(head, at + 8) : head.readUInt32LE(at + 4);
    const length = wide ? uint64(head, at + 32) : head.readUInt32LE(at + 16);
    const name = head.subarray(offset, offset + length);
    return name.length === length && length > 1 ? name.subarray(0, length - 1) : null;
  }
  return null;
};

/** How much of a `#!` line the kernel looks at: BINPRM_BUF_SIZE in linux/binfmts.h. */
const SCRIPT_LINE = 256;

const scriptInterpreter = (head: Buffer): Executable => {
  const line = head.subarray(2, SCRIPT_LINE).toString('latin1').split('\n', 1)[0] ?? '';
  const [name = ''] = line.trim().split(/[ \t]/, 1);
  if (name === '') return { type: 'no-format' };
  // A name that may have been cut off is the kernel's to judge.
  return line.length >= SCRIPT_LINE - 2 && !/\S\s/.test(line)
    ? { type: 'unclear' }
    : { type: 'runs', interpreter: Buffer.from(name, 'latin1') };
};

const isText = (head: Buffer): boolean => !head.includes(0);

/**
 * Tells what execve(2) will make of a file.
 *
 * @param head - its first bytes, 2048 or all
 * @param path - its name, because formats can be registered by extension
 * @param registered - what binfmt_misc knows; null when that is not to be seen from here
 */
export const executable = (
  head: Buffer,
  path: string,
  registered: readonly BinfmtEntry[] | null,
  arch: string = process.arch,
): Executable => {
  if (registered?.some((entry) => matchesEntry(entry, head, path))) return { type: 'runs', interpreter: null };
  if (head.subarray(0, 2).toString('latin1') === '#!') return scriptInterpreter(head);
  if (head.subarray(0, 4).toString('latin1') === '\x7fELF' && head.length >= 20) {
    const machines = MACHINES[arch];
    if (machines === undefined) return { type: 'unclear' };
    const [elfClass, machine] = [head[4], head.readUInt16LE(18)];
    if (machines.some(([a, b]) => a === elfClass && b === machine)) {
      return { type: 'runs', interpreter: elfInterpreter(head) };
    }
  }
  // Nobody registers plain text; what else is not known here, binfmt_misc may know.
  return registered !== null || isText(head) ? { type: 'no-format' } : { type: 'unclear' };
};
