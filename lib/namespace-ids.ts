import { readlinkSync } from 'node:fs';
import { err, ok, type Result } from 'neverthrow';
import { type ProcessGone, processGone } from './errors.ts';
import { NAMESPACE_TYPES, type NamespaceType } from './namespace.ts';

/** The inode number of each namespace that a process is in; a type that this kernel has not is left out. */
export type NamespaceIds = Readonly<Partial<Record<NamespaceType, number>>>;

/**
 * Reads which namespaces a process is in.
 *
 * @remarks Reads the links of /proc/PID/ns; takes the permission to ptrace(2) the process.
 * @param pid - a process id, or `self`, which is the calling process's main thread
 * @returns inode numbers by type, or `process-gone` when there is nothing to read
 * @see namespaces(7)
 */
export const namespaceIds = (pid: number | 'self'): Result<NamespaceIds, ProcessGone> => {
  const ids: Partial<Record<NamespaceType, number>> = {};
  for (const type of NAMESPACE_TYPES) {
    try {
      ids[type] = Number(readlinkSync(`/proc/${pid}/ns/${type}`).slice(type.length + 2, -1));
    } catch {
      // A kernel without this type has no such file; a process that is gone has none at all.
    }
  }
  return Object.keys(ids).length > 0 ? ok(ids) : err(processGone(pid === 'self' ? process.pid : pid));
};
