import { fork } from 'node:child_process';
import { once } from 'node:events';

/** A Node process that measures when it is asked to. */
export interface WorkerProcess<Request, Reply> {
  /** Sends a request and waits for the reply to it; one at a time. */
  readonly ask: (request: Request) => Promise<Reply>;
  /** Lets the process end. */
  readonly end: () => void;
}

/**
 * Starts a module in a Node process of its own.
 *
 * @param script - answers each message with one message, and exits on `disconnect`
 * @param args - its arguments
 */
export const startWorker = <Request extends object, Reply>(
  script: URL,
  args: readonly string[],
): WorkerProcess<Request, Reply> => {
  const worker = fork(script, args);
  const gone = once(worker, 'exit').then(([code, signal]) => {
    throw new Error(`The measuring process ended with ${signal ?? code}`);
  });
  // Its end is an error only to somebody who waits for a reply.
  gone.catch(() => undefined);
  return {
    ask: async (request) => {
      const reply = once(worker, 'message');
      worker.send(request);
      const [message] = await Promise.race([reply, gone]);
      return message as Reply;
    },
    end: () => {
      if (worker.connected) worker.disconnect();
    },
  };
};
