import { fork } from 'node:child_process';
import { once } from 'node:events';
import { killTree } from './process-tree.ts';

/** How long a process may take to end. */
const PATIENCE_MS = 2000;

/** A Node process that measures when it is asked to. */
export interface WorkerProcess<Request, Reply> {
  /** Sends a request and waits for the reply to it; one at a time. */
  readonly ask: (request: Request) => Promise<Reply>;
  /** Sends a message to which there is no reply, if it still runs. */
  readonly tell: (request: Request) => void;
  /** What it says before it was asked anything; an error when it ends before. */
  readonly first: Promise<Reply>;
  /** Lets the process end, and waits for that; one that does not is killed. */
  readonly end: () => Promise<void>;
}

/**
 * Starts a module in a Node process of its own.
 *
 * @param script - answers each message with one message, and exits on `disconnect`
 * @param args - its arguments
 * @param wrapper - a command that executes the process, with its options: `unshare --mount`
 */
export const startWorker = <Request extends object, Reply>(
  script: URL,
  args: readonly string[],
  wrapper: readonly string[] = [],
): WorkerProcess<Request, Reply> => {
  const [wrapping, ...options] = wrapper;
  const worker =
    wrapping === undefined
      ? fork(script, args)
      : fork(script, args, { execPath: wrapping, execArgv: [...options, '--', process.execPath] });
  const gone = once(worker, 'exit').then(([code, signal]) => {
    throw new Error(`The measuring process ended with ${signal ?? code}`);
  });
  // Its end is an error only to somebody who waits for a reply.
  gone.catch(() => undefined);
  const first = Promise.race([once(worker, 'message'), gone]).then(([message]) => message as Reply);
  first.catch(() => undefined);
  return {
    first,
    ask: async (request) => {
      const reply = once(worker, 'message');
      worker.send(request);
      const [message] = await Promise.race([reply, gone]);
      return message as Reply;
    },
    tell: (request) => {
      if (worker.connected) worker.send(request);
    },
    end: async () => {
      if (worker.connected) worker.disconnect();
      const { pid } = worker;
      // One that is busy with something else hears of nothing.
      const patience = setTimeout(() => pid !== undefined && killTree(pid), PATIENCE_MS);
      await gone.catch(() => undefined);
      clearTimeout(patience);
    },
  };
};
