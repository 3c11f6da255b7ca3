import type { MessagePort } from 'node:worker_threads';
import type { NamespaceIds } from '../namespace-ids.ts';
import type { ThreadPlan } from '../plan.ts';
import type { Loudness } from './loud.ts';
import type { ThreadError } from './move.ts';

const MARK = 'linux-namespaces:errand';

/** What a NamespaceWorker hands to its thread, in the place of the `workerData` that it was given. */
export interface Errand {
  readonly mark: typeof MARK;
  readonly plan: ThreadPlan;
  readonly backend: 'auto' | 'ffi' | 'shell';
  readonly dns: Loudness;
  readonly fs: Loudness;
  readonly port: MessagePort;
  readonly data: unknown;
}

/** What comes back: the kernel's number of the thread and its namespaces, or why it did not move. */
export type Moved = { readonly threadId: number; readonly namespaces: NamespaceIds } | { readonly error: ThreadError };

export const errand = (parts: Omit<Errand, 'mark'>): Errand => ({ mark: MARK, ...parts });

/** Whether this thread was started by a NamespaceWorker; a Worker that inherits its execArgv was not. */
export const isErrand = (value: unknown): value is Errand =>
  typeof value === 'object' && value !== null && (value as Partial<Errand>).mark === MARK;
