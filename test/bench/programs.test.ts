import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { latencyBars } from '../../bench/latency/bars.ts';
import { latencySamplers } from '../../bench/latency/cases.ts';
import { readContext } from '../../bench/measure/context.ts';
import { startWorker } from '../../bench/measure/worker-process.ts';
import { settledBelongings } from '../../bench/soak/belongings.ts';
import { spawnKinds } from '../../bench/soak/kinds.ts';
import { NAMESPACE_TYPES, openBackend, run } from '../../lib/index.ts';
import { watchLeaks } from '../leaks.ts';

const { privileged } = readContext([]);
// What a backend opens once and keeps is no leak.
const all = await run('true', [], { namespaces: NAMESPACE_TYPES, mapRootUser: true });
const ffi = openBackend('ffi');
const withoutFfi = ffi.isErr() ? ffi.error.message : false;
const withoutAll = all.isErr() ? all.error.message : false;
watchLeaks(t);

// First, while nothing of another test is still closing.
t.test('settledBelongings() counts what is open', async (t) => {
  const before = await settledBelongings();
  const fd = openSync('/dev/null', 'r');
  const after = await settledBelongings();
  closeSync(fd);
  t.equal(after.fds - before.fds, 1);
  t.match(before, { children: 0, zombies: 0 });
  t.ok(before.threads >= 1 && before.rssBytes > 1e6);
});

/** Samples that take `ns` each. */
const flat = (ns: number): readonly number[] => [ns, ns, ns];

/** Every contender under every caller, at figures that hold all bars. */
const figures = (factor: number): Parameters<typeof latencyBars>[0]['small'] =>
  new Map(
    (['hot', 'idle'] as const).flatMap((caller) => [
      [`ffi-none/${caller}`, { blockedNs: flat(100 * factor), exitKnownNs: flat(600 * factor) }] as const,
      [`ffi-four/${caller}`, { blockedNs: flat(100 * factor), exitKnownNs: flat(700 * factor) }] as const,
      [`ffi-all/${caller}`, { blockedNs: flat(250 * factor), exitKnownNs: flat(900 * factor) }] as const,
      [`child-process/${caller}`, { blockedNs: flat(1000), exitKnownNs: flat(1000) }] as const,
      [`unshare-four/${caller}`, { blockedNs: flat(1000), exitKnownNs: flat(2000) }] as const,
    ]),
  );

t.test('latencyBars() holds what is exactly at its bar, and misses what is above', async (t) => {
  const atBar = latencyBars({ small: figures(1), large: figures(1.2) });
  t.same(
    atBar.filter(({ held }) => !held),
    [],
  );
  t.equal(atBar.filter(({ atMost }) => atMost !== null).length, 24, 'six ratios and six growths, hot and idle');
  const slower = latencyBars({ small: figures(1.01), large: figures(1.01) }).filter(({ held }) => !held);
  t.equal(slower.length, 8, 'none at 0.606, all at 0.2525; p50 and p90; hot and idle');
  const growing = latencyBars({ small: figures(1), large: figures(1.21) }).filter(({ held }) => !held);
  t.equal(growing.length, 12);
});

t.test('latencyBars() misses a bar of which there is no figure', async (t) => {
  const bars = latencyBars({ small: new Map(), large: new Map() });
  t.ok(bars.every(({ held, atMost }) => held === (atMost === null)));
});

t.test('latencySamplers() times every contender under every caller', { skip: withoutFfi || withoutAll }, async (t) => {
  const samplers = [...latencySamplers('ours', privileged), ...latencySamplers('theirs', privileged)];
  t.equal(samplers.length, 10);
  for (const [id, sampler] of samplers) {
    const sampled = await sampler(() => undefined);
    // unshare(1) may be missing; ours are not.
    if (id.startsWith('unshare') && sampled.isErr()) t.equal(sampled.error.type, 'peer-failed', id);
    else t.match(sampled._unsafeUnwrap(), { blockedNs: Number, exitKnownNs: Number }, id);
  }
});

const ANSWERING = new URL('./fixtures/answering-worker.js', import.meta.url);

t.test('startWorker() asks and is answered, until it lets the process end', async (t) => {
  const worker = startWorker<{ add: number }, { sum: number }>(ANSWERING, ['40']);
  t.same(await worker.ask({ add: 2 }), { sum: 42 });
  t.same(await worker.ask({ add: 3 }), { sum: 43 });
  await worker.end();
});

t.test('startWorker() rejects when the process ends instead of answering', async (t) => {
  const worker = startWorker<{ add: number }, { sum: number }>(ANSWERING, ['40']);
  await t.rejects(worker.ask({ add: 0 }), { message: 'The measuring process ended with 3' });
});

t.test('spawnKinds() come out as they have to, each of them', { skip: withoutFfi || withoutAll }, async (t) => {
  for (const { name, once } of spawnKinds('ffi', privileged)) t.equal(await once(), null, name);
});
