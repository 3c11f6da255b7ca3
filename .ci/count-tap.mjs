// Counts the assertions in a TAP stream that may have other lines around it, and prints those that failed.
//   node .ci/count-tap.mjs FILE [failures of before]
// The last line is `N passed, N failed, N skipped`; exits 1 when anything failed or nothing ran.
import { readFileSync } from 'node:fs';

const NOTHING = { points: 0, failed: 0 };
const POINT = /^( *)(not )?ok\b(?: +(\d+))?(?: +- )?(.*)$/;
const HEADER = /^ *# Subtest(?:: (.*))?$/;
const BAIL = /^ *Bail out!\s*(.*)$/;

/** The YAML block below a failed point. */
const diagnosticsAfter = (lines, from) => {
  if (!/^ *---\s*$/.test(lines[from] ?? '')) return '';
  const end = lines.findIndex((line, index) => index > from && /^ *\.\.\.\s*$/.test(line));
  return `\n${lines.slice(from + 1, end === -1 ? from + 20 : Math.min(end, from + 40)).join('\n')}`;
};

/**
 * Only leaves count: the line that closes a subtest sums up what is counted already. It counts when nothing below it
 * did (a skipped or empty file), or when it alone failed (a timeout, an exit code, an error in a teardown).
 */
const countTap = (text) => {
  const total = { passed: 0, failed: 0, skipped: 0, failures: [] };
  // What was counted below the depth of the index, since the last point there.
  const below = [];
  const open = [];
  const fail = (depth, title, diagnostics) => {
    total.failed += 1;
    total.failures.push([...open.slice(0, depth).filter(Boolean), title].join(' > ') + diagnostics);
  };
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    const depth = Math.floor(line.search(/\S|$/) / 4);
    const header = HEADER.exec(line);
    if (header !== null) {
      // tap prints the header at the depth of the line that closes the subtest.
      open[depth] = header[1];
      continue;
    }
    const bail = BAIL.exec(line);
    if (bail !== null) {
      fail(0, `Bail out! ${bail[1]}`, '');
      continue;
    }
    const point = POINT.exec(line);
    if (point === null) continue;
    const [, , not, , description] = point;
    const title = description.replace(/ # time=.*$/, '').replace(/ +\{$/, '');
    const inside = below[depth + 1] ?? NOTHING;
    below.length = depth + 1;
    below[depth] ??= { ...NOTHING };
    const isExcused = /(?:^|\s)# (?:SKIP|TODO)\b/i.test(description);
    const hasFailed = not !== undefined && !isExcused;
    if (hasFailed && inside.failed === 0) {
      fail(depth, title, diagnosticsAfter(lines, index + 1));
      below[depth].failed += 1;
    } else if (inside.points === 0) {
      if (isExcused) total.skipped += 1;
      else total.passed += 1;
    }
    below[depth].points += Math.max(1, inside.points);
    below[depth].failed += inside.failed;
  }
  return total;
};

const [, , file, failedBefore = '0'] = process.argv;
const { passed, failed, skipped, failures } = countTap(readFileSync(file, 'utf8'));
for (const failure of failures) console.log(`not ok - ${failure}`);
const allFailed = failed + Number(failedBefore);
console.log(`${passed} passed, ${allFailed} failed, ${skipped} skipped`);
process.exitCode = allFailed === 0 && passed > 0 ? 0 : 1;
