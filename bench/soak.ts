#!/usr/bin/env node
// Spawns 10,000 times in one process and looks at what is left: `node dist/bench/soak.js [-n SPAWNS] [-j AT_ONCE] [--backend NAME]`.
// Exits with 1 when anything is, or when a spawn did not come out as it had to.
import { parseArgs } from 'node:util';
import { openBackend } from '../lib/index.ts';
import { readContext } from './measure/context.ts';
import { drawGrid } from './report/grid.ts';
import { lookOf } from './report/paint.ts';
import { progressOn } from './report/progress.ts';
import { type Belongings, settledBelongings } from './soak/belongings.ts';
import { type Kind, spawnKinds } from './soak/kinds.ts';
import { fillNursery } from './soak/nursery.ts';
import { type Random, seededRandom } from './statistics/random.ts';

/** Spawns before the first count: what is made once and kept (arenas, pool threads, compiled code) is there then. */
const FIRST = 1000;
const MEBIBYTE = 1024 * 1024;
const MOST_RSS_GROWTH = 20 * MEBIBYTE;

interface Options {
  readonly spawns: number;
  readonly atOnce: number;
  readonly backend: 'ffi' | 'shell';
}

const readOptions = (): Options | string => {
  const { values } = parseArgs({
    options: {
      spawns: { type: 'string', short: 'n', default: '10000' },
      concurrency: { type: 'string', short: 'j', default: '8' },
      backend: { type: 'string', default: 'ffi' },
    },
  });
  const { backend } = values;
  const [spawns, atOnce] = [Number(values.spawns), Number(values.concurrency)];
  if (!Number.isInteger(spawns) || spawns < 1) return `Option "--spawns" is "${values.spawns}", wanted 1 or more`;
  if (!Number.isInteger(atOnce) || atOnce < 1)
    return `Option "--concurrency" is "${values.concurrency}", wanted 1 or more`;
  if (backend !== 'ffi' && backend !== 'shell') return `Option "--backend" is "${backend}", wanted ffi or shell`;
  return { spawns, atOnce, backend };
};

/** One of the kinds, the weightier ones more often. */
const draw = (kinds: readonly Kind[], random: Random): Kind | undefined => {
  const weights = kinds.reduce((sum, { weight }) => sum + weight, 0);
  let left = random() * weights;
  return kinds.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
};

/** How each kind fared: how often it came, and what went wrong, by the words of it. */
type Tally = Map<string, { count: number; readonly wrong: Map<string, number> }>;

const soak = async (
  kinds: readonly Kind[],
  spawns: number,
  atOnce: number,
  random: Random,
  onSpawn: (done: number) => void,
): Promise<Tally> => {
  const tally: Tally = new Map(kinds.map(({ name }) => [name, { count: 0, wrong: new Map() }]));
  let begun = 0;
  let done = 0;
  const lane = async (): Promise<void> => {
    while (begun < spawns) {
      begun += 1;
      const kind = draw(kinds, random);
      const entry = tally.get(kind?.name ?? '');
      if (kind === undefined || entry === undefined) continue;
      entry.count += 1;
      const wrong = await kind.once();
      if (wrong !== null) entry.wrong.set(wrong, (entry.wrong.get(wrong) ?? 0) + 1);
      done += 1;
      onSpawn(done);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  return tally;
};

const mebibytes = (bytes: number): string => (bytes / MEBIBYTE).toFixed(1);

const drawCounts = (
  start: Belongings,
  before: Belongings,
  after: Belongings,
  held: (row: string) => boolean,
): string => {
  const { paint } = lookOf(process.stdout, process.env);
  const row = (name: string, of: (counted: Belongings) => string, wanted: string) => [
    ...[name, of(start), of(before), of(after), wanted],
    held(name) ? paint.green('held') : paint.red('missed'),
  ];
  return drawGrid(
    [
      { head: '', align: 'left' },
      ...['at start', `after ${FIRST}`, 'at the end'].map((head) => ({ head, align: 'right' as const })),
      ...['wanted', ''].map((head) => ({ head, align: 'left' as const })),
    ],
    [
      row('fds', ({ fds }) => String(fds), `as after ${FIRST}`),
      row('threads', ({ threads }) => String(threads), `as after ${FIRST}`),
      row('children', ({ children }) => String(children), '0'),
      row('zombies', ({ zombies }) => String(zombies), '0'),
      row('RSS, MiB', ({ rssBytes }) => mebibytes(rssBytes), `at most ${mebibytes(MOST_RSS_GROWTH)} more`),
    ],
  );
};

const main = async (): Promise<number> => {
  const options = readOptions();
  if (typeof options === 'string') {
    process.stderr.write(`soak: ${options}\n`);
    return 2;
  }
  const { spawns, atOnce, backend } = options;
  const opened = openBackend(backend);
  if (opened.isErr()) {
    process.stderr.write(`soak: ${opened.error.message}\n`);
    return 1;
  }
  const kinds = spawnKinds(backend, readContext([]).privileged);
  const random = seededRandom(1);
  fillNursery();
  const start = await settledBelongings();
  await soak(kinds, FIRST, atOnce, random, () => undefined);
  const before = await settledBelongings();
  const progress = progressOn(process.stderr);
  const began = performance.now();
  const tally = await soak(kinds, spawns, atOnce, random, (done) => progress.update(done, spawns));
  const seconds = (performance.now() - began) / 1000;
  progress.stop();
  const after = await settledBelongings();

  const misses = new Set<string>();
  if (after.fds !== before.fds) misses.add('fds');
  if (after.threads !== before.threads) misses.add('threads');
  if (after.children !== 0) misses.add('children');
  if (after.zombies !== 0) misses.add('zombies');
  if (after.rssBytes - before.rssBytes > MOST_RSS_GROWTH) misses.add('RSS, MiB');

  const perSecond = (spawns / seconds).toFixed(0);
  process.stdout.write(
    `${spawns} spawns by the ${backend} backend, ${atOnce} at once, in ${seconds.toFixed(1)} s (${perSecond} a second)\n`,
  );
  for (const [name, { count, wrong }] of tally) {
    process.stdout.write(`  ${name}: ${count}\n`);
    for (const [what, times] of wrong) process.stdout.write(`    ${times} wrong: ${what}\n`);
  }
  process.stdout.write(`\n${drawCounts(start, before, after, (row) => !misses.has(row))}\n`);
  const wrong = [...tally.values()].some((entry) => entry.wrong.size > 0);
  return misses.size === 0 && !wrong ? 0 : 1;
};

process.exitCode = await main();
