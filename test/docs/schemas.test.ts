import { readFileSync } from 'node:fs';
import t from 'tap';
import { check, type SnapshotDocument, takeSnapshot } from '../../lib/index.ts';
import { evidenceOf, MACHINES } from '../host/machines.ts';
import { mistakes } from './json-schema.ts';

const read = (file: string) => JSON.parse(readFileSync(file, 'utf8'));
const [SNAPSHOT, REPORT] = [read('docs/snapshot.schema.json'), read('docs/report.schema.json')];

/** As a reader of the JSON has it. */
const written = (value: unknown) => JSON.parse(JSON.stringify(value));

t.test('docs/snapshot.schema.json is what takeSnapshot() writes', async (t) => {
  for (const redact of [false, true]) {
    const observed = [{ text: 'unshare failed: Invalid argument', namespaces: ['user' as const] }];
    const taken = written((await takeSnapshot({ redact, observed }))._unsafeUnwrap());
    t.same(mistakes(taken, SNAPSHOT), []);
    t.not(mistakes({ ...taken, evidence: { '/a': 0 } }, SNAPSHOT).length, 0);
    t.not(mistakes({ ...taken, observed: [{ what: 1 }] }, SNAPSHOT).length, 0);
  }
});

t.test('docs/report.schema.json is what check() answers, of this machine and of others', async (t) => {
  const live = written((await check())._unsafeUnwrap());
  t.same(mistakes(live, REPORT), []);
  for (const field of Object.keys(live)) {
    const { [field]: _, ...rest } = live;
    t.same(mistakes(rest, REPORT), [`: has no ${field}`]);
  }
  t.same(mistakes({ ...live, more: 1 }, REPORT), [': has more']);
  for (const machine of MACHINES) {
    const { failure } = machine;
    const snapshot: SnapshotDocument = {
      format: 'linux-namespaces-snapshot',
      version: 1,
      isRedacted: false,
      evidence: evidenceOf(machine),
      observed: [{ step: failure.step, namespaces: failure.namespaces }],
      tried: null,
    };
    t.same(mistakes(written((await check({ snapshot }))._unsafeUnwrap()), REPORT), [], machine.about);
  }
});
