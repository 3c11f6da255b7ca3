import { NAMESPACES, type NamespaceType } from '../../lib/namespace.ts';
import { NSFS_HANDLE, OPEN } from './abi/constants.ts';
import { shown, words } from './program/argument.ts';
import type { ProgramBuilder } from './program/builder.ts';

/** struct file_handle: u32 handle_bytes, s32 handle_type, and the handle. */
const handleOf = (id: bigint, known: { readonly type: NamespaceType; readonly inode: number } | null): Buffer => {
  const bytes = Buffer.alloc(8 + NSFS_HANDLE.size);
  bytes.writeUInt32LE(NSFS_HANDLE.size, 0);
  bytes.writeInt32LE(NSFS_HANDLE.FILEID_NSFS, 4);
  bytes.writeBigUInt64LE(id, 8);
  bytes.writeUInt32LE(known === null ? 0 : NAMESPACES[known.type].cloneFlag, 16);
  bytes.writeUInt32LE(known?.inode ?? 0, 20);
  return bytes;
};

/** Adds the op that opens a namespace by its id; before Linux 6.19 the kernel wants type and inode as well. */
export const addOpenById = (program: ProgramBuilder, id: bigint, known: Parameters<typeof handleOf>[1]): number =>
  program.op(
    'open_by_handle_at',
    [
      words(NSFS_HANDLE.FD_NSFS_ROOT, NSFS_HANDLE),
      shown(program.data(handleOf(id, known)), `{ns_id=${id}}`),
      words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN),
    ],
    { onError: 'next' },
  );
