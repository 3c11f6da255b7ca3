import { Ansis } from 'ansis';
import t from 'tap';
import type { Series } from '../../bench/measure/rounds.ts';
import { operationsOf } from '../../bench/phases/operations.ts';
import { phasesOf } from '../../bench/phases/phases.ts';
import { bars } from '../../bench/report/bars.ts';
import { Footnotes } from '../../bench/report/footnotes.ts';
import { drawPhases } from '../../bench/report/phases.ts';

t.test('operationsOf() gives every operation a name of its own in its group', async (t) => {
  for (const privileged of [true, false]) {
    const operations = operationsOf([], privileged, '/bin/true');
    t.equal(new Set(operations.map(({ group, name }) => `${group}:${name}`)).size, operations.length);
    t.ok(
      operations.some(({ name }) => name === 'none, child exits at once'),
      'an empty program is shown',
    );
    const old = operations.filter(({ what }) => what.type === 'clone' && what.call === 'clone');
    t.same(
      old.map(({ name }) => name),
      ['none', privileged ? 'pid+mnt+ipc+uts' : 'cgroup (+user)'].map((name) => `${name}, by clone(2)`),
      'clone3 has something to be compared with',
    );
    for (const { name, what } of operations) {
      if (what.type !== 'clone' || what.namespaces.length === 0) continue;
      t.ok(privileged || what.namespaces.includes('user'), name);
    }
  }
});

t.test('drawPhases() draws a table for each group, and what was refused with its reason', async (t) => {
  const operations = operationsOf([], true, '/bin/true').filter(({ name }) =>
    ['none', 'net', 'id maps'].includes(name),
  );
  const series = new Map<string, Series>([
    ['spawn:none', { samples: { 'child runs': [30_000, 31_000], reaped: [900_000, 910_000] }, refused: null }],
    ['step:id maps', { samples: { 'id maps': [512, 514] }, refused: null }],
    ['spawn:net', { samples: {}, refused: { type: 'setup-failed', message: 'ENOSPC: no more' } }],
    ['tear-down:net', { samples: { freed: [57_000_000] }, refused: null }],
  ]);
  const phases = phasesOf(operations, { rounds: 2, ended: 'complete', series });
  const footnotes = new Footnotes();
  const text = drawPhases(phases, footnotes, { paint: new Ansis(0), width: 100 }).join('\n\n');
  t.match(text, /^none +child runs +30\.5 /m);
  t.match(text, /^ +reaped +905 /m);
  t.match(text, /^net +refused: setup-failed \[1\]/m);
  t.match(text, /^id maps +id maps +0\.51 /m);
  t.match(text, /^net +freed +57000 /m);
  t.same(footnotes.lines(), ['[1] ENOSPC: no more']);
  const narrow = drawPhases(phases, new Footnotes(), { paint: new Ansis(0), width: 60 }).join('\n');
  t.notMatch(narrow, 'distribution');
});

t.test('bars() draws the fullest bin highest', async (t) => {
  t.equal(bars([0, 1, 8, 4]), '·▁█▄');
});
