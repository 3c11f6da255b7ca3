import { readdirSync, readFileSync } from 'node:fs';

/** A format that binfmt_misc runs with an interpreter: known by bytes at an offset, or by a file name's extension. */
export type BinfmtEntry =
  | { readonly type: 'magic'; readonly offset: number; readonly magic: Buffer; readonly mask: Buffer | null }
  | { readonly type: 'extension'; readonly extension: string };

const DIRECTORY = '/proc/sys/fs/binfmt_misc';

/** Reads one file of binfmt_misc; null for an entry that is switched off. */
export const parseBinfmtEntry = (text: string): BinfmtEntry | null => {
  const lines = text.split('\n');
  if (lines[0] !== 'enabled') return null;
  const field = (name: string): string | undefined =>
    lines.find((line) => line.startsWith(`${name} `))?.slice(name.length + 1);
  const extension = field('extension');
  if (extension !== undefined) return { type: 'extension', extension: extension.replace(/^\./, '') };
  const [magic, mask] = [field('magic'), field('mask')];
  if (magic === undefined) return null;
  return {
    type: 'magic',
    offset: Number(field('offset') ?? 0),
    magic: Buffer.from(magic, 'hex'),
    mask: mask === undefined ? null : Buffer.from(mask, 'hex'),
  };
};

/** Whether a file is of a registered format. */
export const matchesEntry = (entry: BinfmtEntry, head: Buffer, path: string): boolean => {
  if (entry.type === 'extension')
    return path.slice(path.lastIndexOf('.') + 1) === entry.extension && path.includes('.');
  const bytes = head.subarray(entry.offset, entry.offset + entry.magic.length);
  return (
    bytes.length === entry.magic.length &&
    bytes.every((byte, at) => ((byte ^ (entry.magic[at] ?? 0)) & (entry.mask?.[at] ?? 0xff)) === 0)
  );
};

/** Whether the kernel has binfmt_misc at all, so that somebody may have mounted it elsewhere. */
const isKnownToKernel = (): boolean => {
  try {
    return readFileSync('/proc/filesystems', 'utf8').includes('\tbinfmt_misc\n');
  } catch {
    return true;
  }
};

/** The formats that binfmt_misc knows; null when there may be some that are not to be seen from here. */
export const registeredFormats = (): readonly BinfmtEntry[] | null => {
  try {
    if (readFileSync(`${DIRECTORY}/status`, 'utf8').startsWith('disabled')) return [];
    return readdirSync(DIRECTORY)
      .filter((name) => name !== 'status' && name !== 'register')
      .flatMap((name) => parseBinfmtEntry(readFileSync(`${DIRECTORY}/${name}`, 'utf8')) ?? []);
  } catch {
    return isKnownToKernel() ? null : [];
  }
};
