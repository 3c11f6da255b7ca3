// Boots kernels that are not this one under qemu, and runs ns-check and the contract suite in each, on both backends, as
// root and as an ordinary user:
//   npm run test:kernels [-- GUEST...]
// Wants Debian's apt-get and dpkg, qemu-system-x86, qemu-system-arm, cpio and xz. NS_KERNELS_DIR keeps what was fetched;
// NS_KERNELS_CLAIMS picks claims by a word, `none` leaves them out.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { boot } from './boot.ts';
import { GUESTS } from './guests.ts';
import { makeImage } from './image.ts';
import { judge, type Row } from './judge.ts';
import { DIR } from './packages.ts';

const CLAIMS = process.env['NS_KERNELS_CLAIMS'] ?? '';
const MINUTE = 60_000;

mkdirSync(DIR, { recursive: true });
const names = process.argv.slice(2);
const unknown = names.filter((name) => !GUESTS.some((guest) => guest.name === name));
if (unknown.length > 0) {
  console.error(`No guest "${unknown[0]}", but ${GUESTS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const started = performance.now();
const rows: Row[] = [];
for (const guest of GUESTS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const hasContract = guest.hasContract && CLAIMS !== 'none';
  console.error(`booting ${guest.name} (${guest.arch})`);
  const image = makeImage(guest);
  const words = [
    `ns.claims=${hasContract ? CLAIMS.replaceAll(' ', '+') : 'none'}`,
    ...(guest.policy === undefined ? [] : [`ns.policy=${guest.policy}`]),
  ];
  const before = performance.now();
  const log = join(DIR, `console-${guest.name}`);
  const text = await boot(guest, image, words.join(' '), hasContract ? 60 * MINUTE : 5 * MINUTE, log);
  rows.push(...judge(guest, text, (performance.now() - before) / 1000, hasContract));
}
const table = new Table({
  head: ['guest', 'judgement', 'result', ''],
  style: { head: [], border: [] },
  colWidths: [20, 38, 80, 7],
  wordWrap: true,
});
for (const { guest, judgement, result, isRight } of rows)
  table.push([guest, judgement, result, isRight ? 'right' : 'WRONG']);
console.log(table.toString());
const wrong = rows.filter(({ isRight }) => !isRight).length;
const minutes = ((performance.now() - started) / MINUTE).toFixed(1);
console.log(`${rows.length} judgements, ${wrong} wrong, in ${minutes} minutes`);
process.exitCode = wrong === 0 ? 0 : 1;
