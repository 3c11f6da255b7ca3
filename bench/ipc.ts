// Ten thousand IPC objects made and removed, in a namespace of their own and here: `npm run bench:ipc`.
import { readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { type Ipc, type IpcAnswer, type IpcRequest, ipc, spawn } from '../lib/index.ts';

const OBJECTS = 10_000;
const AT_ONCE = 500;

const listed = (): string =>
  ['msg', 'sem', 'shm'].map((name) => readFileSync(`/proc/sysvipc/${name}`, 'utf8')).join('');

const KINDS = ['queue', 'semaphore', 'memory'] as const;

const createRequest = (index: number): IpcRequest => {
  const common = { key: 0, mode: 0o600 } as const;
  const kind = KINDS[index % KINDS.length];
  if (kind === 'queue') return { type: 'queue-create', ...common };
  return kind === 'semaphore'
    ? { type: 'semaphore-create', ...common, count: 2 }
    : { type: 'memory-create', ...common, sizeBytes: 4_096 };
};

const removeRequest = ({ result }: IpcAnswer, index: number): IpcRequest => {
  const kind = KINDS[index % KINDS.length] ?? 'queue';
  return { type: `${kind}-remove`, id: result };
};

const round = async (objects: Ipc): Promise<void> => {
  for (let done = 0; done < OBJECTS; done += AT_ONCE) {
    const made = (await objects.perform(Array.from({ length: AT_ONCE }, (_, at) => createRequest(at))))._unsafeUnwrap();
    const bad = made.find(({ result }) => result < 0);
    if (bad !== undefined) throw new Error(`${bad.call}: ${bad.result}`);
    const removed = (await objects.perform(made.map(removeRequest)))._unsafeUnwrap();
    const left = removed.find(({ result }) => result !== 0);
    if (left !== undefined) throw new Error(`${left.call}: ${left.result}`);
  }
};

const main = async (): Promise<number> => {
  const before = listed();
  const privileged = process.geteuid?.() === 0;
  const spec = privileged
    ? { namespaces: ['ipc'] as const }
    : { namespaces: ['user', 'ipc'] as const, mapRootUser: true };
  const target = (await spawn('sleep', ['600'], { ...spec, stdio: 'ignore' }))._unsafeUnwrap();
  const places = [
    ['in a namespace of its own', ipc(target)],
    ['in the namespace of the caller', ipc()],
  ] as const;
  for (const [where, objects] of places) {
    const start = performance.now();
    await round(objects);
    const ms = performance.now() - start;
    process.stdout.write(`${OBJECTS} made and removed ${where}: ${(ms / 1000).toFixed(2)} s\n`);
  }
  const { queues, semaphores, memory } = (await ipc(target).list())._unsafeUnwrap();
  const left = queues.length + semaphores.length + memory.length;
  await target[Symbol.asyncDispose]();
  const same = listed() === before;
  process.stdout.write(`left inside: ${left}; what is listed here is ${same ? 'as it was' : 'not as it was'}\n`);
  return left === 0 && same ? 0 : 1;
};

process.exitCode = await main();
