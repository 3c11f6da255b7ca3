import { performance } from 'node:perf_hooks';
import { type IdRange, type SpawnSpec, spawn } from '../../lib/index.ts';

const uid = process.geteuid?.() ?? 0;
const gid = process.getegid?.() ?? 0;

const three = (own: number): readonly IdRange[] => [
  { inside: 0, outside: own },
  { inside: 1, outside: 100_000, count: 1_000 },
  { inside: 5_000, outside: 200_000, count: 1_000 },
];

const SPECS = {
  line: { namespaces: ['user'], mapRootUser: true },
  ranges: { namespaces: ['user'], uidMap: three(uid), gidMap: three(gid) },
} as const satisfies Record<string, SpawnSpec>;

/** What is compared: a map of one line, which the child writes, and one of three, for which it waits. */
export type Kind = keyof typeof SPECS;

/** Nanoseconds until the exit is known, and as long as the caller could not go on. */
export interface Times {
  readonly exitKnownNs: number[];
  readonly blockedNs: number[];
}

/** What a worker answers. */
export type HandshakeReply = Readonly<Record<Kind, Times>>;

/** What the parent asks of a worker. */
export interface HandshakeRequest {
  readonly iterations: number;
  readonly warmup: number;
}

const CHUNK_BYTES = 64 * 1024 * 1024;
const mebibytes = Number(process.argv[2]);
const ballast = Array.from({ length: Math.ceil((mebibytes * 1024 * 1024) / CHUNK_BYTES) }, () =>
  Buffer.alloc(CHUNK_BYTES, 1),
);

const once = async (kind: Kind, times: Times | null): Promise<void> => {
  const start = performance.now();
  const spawned = spawn('/bin/true', [], { ...SPECS[kind], backend: 'ffi', stdio: 'ignore' });
  const blocked = performance.now() - start;
  const ended = await spawned.andThen((child) => child.exit);
  if (ended.isErr()) throw new Error(ended.error.message);
  times?.exitKnownNs.push((performance.now() - start) * 1e6);
  times?.blockedNs.push(blocked * 1e6);
};

process.on('message', async ({ iterations, warmup }: HandshakeRequest) => {
  const reply: HandshakeReply = {
    line: { exitKnownNs: [], blockedNs: [] },
    ranges: { exitKnownNs: [], blockedNs: [] },
  };
  for (let round = -warmup; round < iterations; round += 1) {
    // In turns, and each of them first as often as the other.
    const kinds: readonly Kind[] = round % 2 === 0 ? ['line', 'ranges'] : ['ranges', 'line'];
    for (const kind of kinds) await once(kind, round < 0 ? null : reply[kind]);
  }
  // Reading it here keeps the memory from being collected before.
  if (ballast.some((chunk) => chunk[0] !== 1)) throw new Error('The buffers have changed');
  process.send?.(reply);
});
process.on('disconnect', () => process.exit(0));
