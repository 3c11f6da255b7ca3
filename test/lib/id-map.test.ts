import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync, writeFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { type FullIdRange, fitIdRange, idMapText, idRanges, planIdMap } from '../../lib/id-map.ts';
import { errnoOfHelper, mapWrites } from '../../lib/id-map-helper.ts';
import { findSubordinates } from '../../lib/subordinate-ids.ts';
import { watchLeaks } from '../leaks.ts';

watchLeaks(t);

const OWN = { uid: 1000, gid: 100 };
const LAST = 0xfffffffe;

const small = fc.record({
  inside: fc.integer({ min: 0, max: 40 }),
  outside: fc.integer({ min: 0, max: 40 }),
  count: fc.integer({ min: 1, max: 12 }),
});

/** The ids of a range, one by one. */
const ids = (from: number, count: number): number[] => Array.from({ length: count }, (_, at) => from + at);

t.test('idRanges() accepts exactly what maps no id twice, on either side', async (t) => {
  fc.assert(
    fc.property(fc.array(small, { minLength: 1, maxLength: 5 }), (ranges) => {
      const inside = ranges.flatMap((range) => ids(range.inside, range.count));
      const outside = ranges.flatMap((range) => ids(range.outside, range.count));
      const isFine = new Set(inside).size === inside.length && new Set(outside).size === outside.length;
      return idRanges('uidMap', ranges).isOk() === isFine;
    }),
    { numRuns: 2000 },
  );
  t.pass('for 2000 maps');
});

t.test('idRanges() fills in the count and takes a range alone', async (t) => {
  t.same(idRanges('uidMap', { inside: 0, outside: 5 })._unsafeUnwrap(), [{ inside: 0, outside: 5, count: 1 }]);
  t.ok(idRanges('uidMap', { inside: 0, outside: 0, count: LAST + 1 }).isOk(), 'all ids');
  t.ok(idRanges('uidMap', { inside: LAST, outside: LAST }).isOk(), 'the last id');
  t.ok(idRanges('uidMap', { inside: 1, outside: 0, count: LAST }).isOk());
  t.ok(idRanges('uidMap', { inside: 1, outside: 0, count: LAST + 1 }).isErr());
});

t.test('idMapText() is read back as it was', async (t) => {
  const range = fc.record({
    inside: fc.integer({ min: 0, max: LAST }),
    outside: fc.integer({ min: 0, max: LAST }),
    count: fc.integer({ min: 1, max: LAST }),
  });
  t.doesNotThrow(() =>
    fc.assert(
      fc.property(fc.array(range, { maxLength: 10 }), (ranges) => {
        const lines = idMapText(ranges).split('\n');
        const back = lines.slice(0, -1).map((line) => {
          const [inside, outside, count] = line.split(' ').map(Number);
          return { inside, outside, count };
        });
        return lines.at(-1) === '' && JSON.stringify(back) === JSON.stringify(ranges);
      }),
    ),
  );
});

const one = (inside: number, outside: number, count = 1): readonly FullIdRange[] => [{ inside, outside, count }];

t.test('planIdMap() lets the child write its own ids alone', async (t) => {
  for (const [about, uid, gid, setgroups, writer] of [
    ['own ids', one(0, 1000), one(0, 100), undefined, 'self'],
    ['own uid alone', one(0, 1000), [], undefined, 'self'],
    ['own gid alone', [], one(7, 100), undefined, 'self'],
    ['denied', one(0, 1000), one(0, 100), 'deny', 'self'],
    ['allowed', one(0, 1000), one(0, 100), 'allow', 'parent'],
    ['another uid', one(0, 1001), one(0, 100), undefined, 'parent'],
    ['another gid', one(0, 1000), one(0, 101), undefined, 'parent'],
    ['two ids', one(0, 1000, 2), [], undefined, 'parent'],
    ['two lines', [...one(0, 1000), ...one(1, 2000)], [], undefined, 'parent'],
  ] as const) {
    t.equal(planIdMap(uid, gid, setgroups, OWN).writer, writer, about);
  }
});

t.test('planIdMap() denies setgroups where the kernel wants it, and nowhere else', async (t) => {
  t.equal(planIdMap(one(0, 1000), one(0, 100), undefined, OWN).setgroups, 'deny');
  t.equal(planIdMap(one(0, 1000), [], undefined, OWN).setgroups, 'allow', 'no gid map is written');
  t.equal(planIdMap(one(0, 1000), one(0, 0, 9), undefined, OWN).setgroups, 'allow', 'written with CAP_SETGID');
  t.equal(planIdMap(one(0, 1000), one(0, 0, 9), 'deny', OWN).setgroups, 'deny', 'as asked');
});

t.test('planIdMap() becomes 0 inside when the own id has no place there', async (t) => {
  const become = (uid: readonly FullIdRange[], gid: readonly FullIdRange[]) =>
    planIdMap(uid, gid, undefined, OWN).become;
  t.same(become(one(0, 100_000, 10), one(0, 100_000, 10)), { uid: 0, gid: 0 });
  t.same(become(one(0, 1000), one(0, 100)), { uid: null, gid: null }, 'own ids are 0 already');
  t.same(become(one(5, 1000), one(5, 100)), { uid: null, gid: null });
  t.same(become(one(5, 100_000), []), { uid: null, gid: null }, 'there is no 0');
});

t.test('fitIdRange() maps every id at most once beside what is there', async (t) => {
  const fine = fc.array(small, { maxLength: 3 }).filter((ranges) => ranges.length === 0 || idRanges('', ranges).isOk());
  fc.assert(
    fc.property(small, fine, (range, others) => {
      const fitted = fitIdRange(range, others);
      const all = [...others, ...fitted];
      if (all.length > 0 && idRanges('uidMap', all).isErr()) return false;
      const free = (side: 'inside' | 'outside'): number =>
        ids(range[side], range.count).filter(
          (id) => !others.some((other) => id >= other[side] && id < other[side] + other.count),
        ).length;
      const mapped = fitted.reduce((sum, { count }) => sum + count, 0);
      return mapped === Math.min(free('inside'), free('outside'));
    }),
    { numRuns: 2000 },
  );
  t.same(fitIdRange({ inside: 0, outside: 100_000, count: 65_536 }, one(0, 1000)), one(1, 100_000, 65_535));
});

t.test('planIdMap() has newuidmap and newgidmap write what the caller may not', async (t) => {
  const none = { setuid: false, setgid: false, newuidmap: '/usr/bin/newuidmap', newgidmap: '/usr/bin/newgidmap' };
  const range = one(0, 100_000, 10);
  const both = planIdMap(range, range, undefined, OWN, none);
  t.match(both, { writer: 'parent', setgroups: 'allow', helpers: { uid: none.newuidmap, gid: none.newgidmap } });
  t.same(
    mapWrites(both).map(({ file, helper }) => [file, helper?.path]),
    [
      ['uid_map', none.newuidmap],
      ['gid_map', none.newgidmap],
    ],
  );
  const half = planIdMap(range, one(0, 100), undefined, OWN, none);
  t.match(half, { setgroups: 'deny', helpers: { uid: none.newuidmap, gid: null } });
  t.same(
    mapWrites(half).map(({ file, helper }) => [file, helper?.path ?? null]),
    [
      ['setgroups', null],
      ['uid_map', none.newuidmap],
      ['gid_map', null],
    ],
    'the own group is written by the caller, once setgroups is denied',
  );
  t.match(planIdMap(range, range, undefined, OWN, { ...none, setuid: true, setgid: true }).helpers, { uid: null });
  t.match(planIdMap(one(0, 1000), one(0, 100), undefined, OWN, none), { writer: 'self', helpers: { uid: null } });
});

t.test('findSubordinates() takes the first range of the user, by name or uid', async (t) => {
  const text = '# neo:1:2\nmorpheus:100000:65536\n1000:200000:10\nneo:300000:20\nbroken\nneo:x:1\n';
  t.same(findSubordinates(text, { uid: 1000, name: 'neo' }), { start: 200_000, count: 10 });
  t.same(findSubordinates(text, { uid: 5, name: 'neo' }), { start: 300_000, count: 20 });
  t.equal(findSubordinates(text, { uid: 5, name: null }), null);
  t.equal(findSubordinates('', { uid: 0, name: 'root' }), null);
});

t.test('errnoOfHelper() understands what newuidmap(1) says', async (t) => {
  for (const [said, errno] of [
    ['newuidmap: uid range [0-10) -> [5-15) not allowed', 'EPERM'],
    ['newuidmap: write to uid_map failed: Operation not permitted', 'EPERM'],
    ['newgidmap: write to gid_map failed: Invalid argument', 'EINVAL'],
    ['newuidmap: open of uid_map failed: Permission denied', 'EACCES'],
    ['newuidmap: Target process 7 is owned by a different user: uid:0 pw_uid:0 st_uid:1', 'EPERM'],
    ['usage: newuidmap <pid>', null],
  ] as const) {
    t.equal(errnoOfHelper(said), errno, said);
  }
});

const canNest = spawnSync('unshare', ['-U', 'true'], { stdio: 'ignore' }).status === 0;
const skip =
  process.getuid?.() !== 0 ? 'needs root' : canNest ? false : 'no user namespace can be made here with unshare(1)';

t.test('idRanges() agrees with this kernel on what a map may be', { skip }, async (t) => {
  const judged = async (ranges: readonly FullIdRange[]): Promise<boolean> => {
    const child = spawn('unshare', ['-U', 'sleep', '300'], { stdio: 'ignore' });
    const ended = once(child, 'exit');
    try {
      const own = readlinkSync('/proc/self/ns/user');
      while (readlinkSync(`/proc/${child.pid}/ns/user`) === own) await setImmediate();
      writeFileSync(`/proc/${child.pid}/uid_map`, idMapText(ranges));
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error;
      return false;
    } finally {
      child.kill('SIGKILL');
      await ended;
    }
  };
  for (const ranges of [
    one(0, 0, LAST + 1),
    one(0, 1, LAST + 1),
    one(LAST, LAST),
    one(LAST, 0, 2),
    one(0, LAST, 2),
    one(LAST + 1, 0),
    [...one(0, 10, 5), ...one(5, 15, 5)],
    [...one(0, 10, 5), ...one(4, 15, 5)],
    [...one(0, 10, 5), ...one(5, 14, 5)],
    [...one(5, 14, 5), ...one(0, 10, 5)],
    one(3, 7, 0),
  ]) {
    t.equal(idRanges('uidMap', ranges).isOk(), await judged(ranges), JSON.stringify(ranges));
  }
});
