// Runs in the thread of a NamespaceWorker, before the module that it is for.
import { readlinkSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import workerThreads from 'node:worker_threads';
import { NAMESPACE_TYPES, type NamespaceType } from '../namespace.ts';
import { isErrand, type Moved } from './errand.ts';
import { loudDns } from './loud-dns.ts';
import { loudFs } from './loud-fs.ts';
import { moveThread } from './move.ts';

const ownIds = (): Readonly<Partial<Record<NamespaceType, number>>> => {
  const ids: Partial<Record<NamespaceType, number>> = {};
  for (const type of NAMESPACE_TYPES) {
    try {
      ids[type] = Number(readlinkSync(`/proc/thread-self/ns/${type}`).slice(type.length + 2, -1));
    } catch {
      // A kernel without this type has no such file.
    }
  }
  return ids;
};

const { workerData: errand } = workerThreads;
if (isErrand(errand)) {
  const { plan, backend, dns, fs, port, data } = errand;
  // The module is to find what it would find in any Worker.
  Object.assign(workerThreads, { workerData: data });
  const threadId = Number(readlinkSync('/proc/thread-self').split('/').at(-1));
  const moved = moveThread(plan, backend);
  const answer: Moved = moved.isOk() ? { threadId, namespaces: ownIds() } : { error: moved.error };
  port.postMessage(answer);
  port.close();
  if (moved.isErr()) throw new Error(moved.error.message, { cause: moved.error });
  if (plan.namespaces.includes('net')) loudDns(dns);
  if (plan.namespaces.includes('mnt')) loudFs(fs);
  syncBuiltinESMExports();
}
