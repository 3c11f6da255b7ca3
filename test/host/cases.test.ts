import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import type { Diagnosis } from '../../lib/errors.ts';
import { diagnoseAll } from '../../lib/host/diagnose.ts';
import { snapshotEvidence } from '../../lib/host/evidence.ts';
import { redact } from '../../lib/host/redact.ts';
import { parseSnapshot, type SnapshotDocument } from '../../lib/host/snapshot.ts';
import { failureFrom } from '../../lib/host/symptom.ts';
import { disturbances, disturbed, NOISE } from './noise.ts';

/** A real machine: what was read there, what failed, and what it turned out to be. */
interface Case {
  readonly name: string;
  readonly source: string;
  readonly cause: string;
  readonly snapshot: SnapshotDocument;
}

// JSON is not compiled: it stays with the sources.
const DIR = new URL('../../../test/host/cases/', import.meta.url);

const CASES: readonly Case[] = readdirSync(DIR)
  .sort()
  .map((name) => {
    const { snapshot, ...about } = JSON.parse(readFileSync(new URL(name, DIR), 'utf8'));
    return { ...about, name, snapshot: parseSnapshot(JSON.stringify(snapshot))._unsafeUnwrap() };
  });

const answers = ({ evidence, observed: [observed] }: SnapshotDocument): readonly Diagnosis[] =>
  diagnoseAll(failureFrom(observed ?? {}), snapshotEvidence(evidence));

t.test('diagnoseAll() finds what was wrong with real machines', async (t) => {
  const found = CASES.map(({ name, cause, snapshot }) => {
    const [first] = answers(snapshot);
    return { name, cause, found: first?.cause ?? 'unknown', confidence: first?.confidence ?? 'possible' };
  });
  for (const { name, cause, found: answer } of found) t.equal(answer, cause, name);
  t.equal(found.length, 170);
});

t.test('diagnoseAll() stays with its answer whatever else is known of a real machine', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...CASES),
      fc.record(
        Object.fromEntries(Object.entries(NOISE).map(([source, values]) => [source, fc.constantFrom(...values)])),
        { requiredKeys: [] },
      ),
      ({ snapshot }, some) => {
        const noise = some as Record<string, string | null>;
        const noisy = { ...snapshot, evidence: { ...noise, ...snapshot.evidence } };
        const answer = (document: SnapshotDocument) =>
          answers(document).map(({ cause, confidence }) => `${cause} ${confidence}`)[0];
        return answer(snapshot) === answer(noisy);
      },
    ),
    { numRuns: 1000 },
  );
  t.pass('for 1000 machines with noise');
});

t.test('diagnoseAll() stays with its answer whatever stands beside what it asks for', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...CASES), disturbances, ({ snapshot }, by) => {
      const answer = (document: SnapshotDocument) =>
        answers(document).map(({ cause, confidence }) => `${cause} ${confidence}`);
      const after = answer({ ...snapshot, evidence: disturbed(snapshot.evidence, by) });
      return JSON.stringify(after) === JSON.stringify(answer(snapshot));
    }),
    { numRuns: 2000 },
  );
  t.pass('for 2000 machines');
});

t.test('redact() changes no answer about a real machine', async (t) => {
  for (const { name, snapshot } of CASES) {
    const said = (document: SnapshotDocument) =>
      answers(document).map(({ cause, confidence }) => `${cause} ${confidence}`);
    t.same(said(redact(snapshot)), said(snapshot), name);
  }
});

t.test('diagnoseAll() says nothing wrong for sure when evidence of a real machine is missing', async (t) => {
  // Kernel and release together choose among the generations of EL7: without both nothing is sure, and nothing is said to be.
  for (const { name, cause, snapshot } of CASES) {
    const sources = Object.keys(snapshot.evidence);
    fc.assert(
      fc.property(fc.subarray(sources), (kept) => {
        const evidence = Object.fromEntries(
          Object.entries(snapshot.evidence).filter(([source]) => kept.includes(source)),
        );
        const [first] = answers({ ...snapshot, evidence });
        return first === undefined || first.confidence !== 'certain' || first.cause === cause;
      }),
      { numRuns: 100 },
    );
    t.pass(name);
  }
});
