import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { NetworkSpec } from '../network.ts';
import type { KeptNamespaces } from './kept.ts';
import type { OutsideError } from './outside.ts';
import { createNetwork, type NodeSpec } from './virtual-network.ts';

/**
 * Gives a function a network of its own, and takes it away when that is done.
 *
 * @remarks For tests: each has its own 127.0.0.1, so that suites run side by side on the same ports. What is to live in it
 * is started with `net.spawn` or `net.run`. Takes no privilege where ordinary users may make user namespaces.
 * @param use - what to do in it; what it throws comes through
 * @param network - what is in it; `lo` alone when left out. `outside: true` gives it a way out
 * @returns what `use` returned; or why there is no network, and `use` was not called
 * @example
 * ```ts
 * import { once } from 'node:events';
 *
 * const server = `require('http').createServer((_, page) => page.end('hello')).listen(8080, () => console.log('ready'))`;
 * const client = `fetch('http://127.0.0.1:8080/').then((page) => page.text()).then(console.log)`;
 * const result = await withNetwork(async (net) => {
 *   const serving = await net.spawn(process.execPath, ['-e', server]);
 *   if (serving.isErr()) return serving.error.message;
 *   if (serving.value.stdout !== null) await once(serving.value.stdout, 'data');
 *   const page = await net.run(process.execPath, ['-e', client]);
 *   await serving.value[Symbol.asyncDispose]();
 *   return page.isOk() ? `${page.value.stdout}`.trim() : page.error.message;
 * });
 * console.log(result.isOk() ? result.value : result.error.message); // hello
 * ```
 */
export const withNetwork = <T>(
  use: (net: KeptNamespaces) => PromiseLike<T> | T,
  network: NetworkSpec & Pick<NodeSpec, 'outside'> = {},
): ResultAsync<T, OutsideError> => {
  const run = async (): Promise<Result<T, OutsideError>> => {
    const made = await createNetwork({ nodes: { net: network } });
    if (made.isErr()) return err(made.error);
    try {
      return ok(await use(made.value.node('net')));
    } finally {
      made.value.close();
    }
  };
  return new ResultAsync(run());
};
