#!/usr/bin/env node
// Fifty NamespaceWorkers of one process, each with an HTTP server on 127.0.0.1:8080 that answers 1,000 requests from inside with
// its own name: `node dist/bench/workers.js [-n WORKERS] [-r REQUESTS]`. Takes CAP_SYS_ADMIN: run it as root, or below
// `ns-run -Ur`. Exits with 1 when an answer is wrong, when the port can be reached from outside, or when something is left.
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { NamespaceWorker } from '../lib/index.ts';

const { values } = parseArgs({
  options: {
    workers: { type: 'string', short: 'n', default: '50' },
    requests: { type: 'string', short: 'r', default: '1000' },
  },
});
const [count, requests] = [Number(values.workers), Number(values.requests)];

/** What an fd is; the directory that is being read is gone by then. */
const fdLine = (fd: string): string => {
  try {
    return `fd ${fd} ${readlinkSync(`/proc/self/fd/${fd}`).replace(/\d{3,}/, '*')}`;
  } catch {
    return 'fd that is gone';
  }
};

const belongings = (): readonly string[] => [
  ...readdirSync('/proc/self/fd').map((fd) => fdLine(fd)),
  ...new Set(readdirSync('/proc/self/task').map((tid) => readlinkSync(`/proc/self/task/${tid}/ns/net`))),
];

/** Whether something on the port of the network of this process answers like one of the servers. */
const reached = (): Promise<boolean> =>
  new Promise((resolve) => {
    connect(8080, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
  });

const start = (index: number): NamespaceWorker =>
  new NamespaceWorker(new URL('./workers/server.js', import.meta.url), {
    namespaces: ['net', 'uts'],
    hostname: `worker-${index}`,
    network: { loopback: true },
    workerData: { requests },
  });

// What Node.js and the library open once and keep is no leak.
const first = start(0);
await once(first, 'message');
await first.terminate();
await reached();
await sleep(200);

const before = belongings();
const began = Date.now();
const workers = Array.from({ length: count }, (_, index) => start(index));
const answers = await Promise.all(
  workers.map(async (worker) => (await once(worker, 'message'))[0] as Readonly<Record<string, number>>),
);
const elapsedMs = Date.now() - began;
const wrong = answers.filter((answer, index) => answer[`worker-${index}`] !== requests).length;
const outside = await reached();
const networks = new Set(
  await Promise.all(workers.map(async ({ moved }) => (await moved).map(({ net }) => net).unwrapOr(undefined))),
);
await Promise.all(workers.map((worker) => worker.terminate()));
await sleep(500);
const after = belongings();
const left = after.filter((line) => !before.includes(line));
console.log(
  `${count} workers, ${count * requests} requests in ${elapsedMs} ms; ${networks.size} networks; ${wrong} workers with a wrong answer; from outside the port ${outside ? 'ANSWERS' : 'refuses'}; left behind: ${left.length === 0 ? 'nothing' : left.join(', ')}`,
);
if (wrong > 0 || outside || left.length > 0 || networks.size !== count) process.exitCode = 1;
