// Boots kernels that are not this one under qemu; runs ns-check on both backends and the contract suite on the ffi backend
// in each, as root and as an ordinary user:
//   npm run test:kernels [-- GUEST...]
// Wants Debian's apt-get and dpkg, qemu-system-x86, qemu-system-arm, cpio and xz. What the variables are, README.md says.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import Table from 'cli-table3';
import { bootUntilItSpeaks } from './boot.ts';
import { type ClaimEnd, differences, writeMatrix } from './claims.ts';
import { BACKENDS, GUESTS } from './guests.ts';
import { makeImage } from './image.ts';
import { judge, type Row } from './judge.ts';
import { DIR } from './packages.ts';

const CLAIMS = process.env['NS_KERNELS_CLAIMS'] ?? '';
const WANTED = (process.env['NS_KERNELS_CONTRACT'] ?? 'ffi').split(',');
const MINUTE = 60_000;

const print = (head: readonly string[], widths: readonly number[], rows: readonly (readonly string[])[]): void => {
  const table = new Table({
    head: [...head],
    style: { head: [], border: [] },
    colWidths: [...widths],
    wordWrap: true,
  });
  for (const row of rows) table.push([...row]);
  console.log(table.toString());
};

mkdirSync(DIR, { recursive: true });
const names = process.argv.slice(2);
const unknown = names.filter((name) => !GUESTS.some((guest) => guest.name === name));
if (unknown.length > 0) {
  console.error(`No guest "${unknown[0]}", but ${GUESTS.map(({ name }) => name).join(', ')}`);
  process.exit(2);
}
const backends = BACKENDS.filter((backend) => WANTED.includes(backend));
const strange = WANTED.filter((name) => name !== 'none' && !BACKENDS.some((backend) => backend === name));
if (strange.length > 0) {
  console.error(`NS_KERNELS_CONTRACT is to be ${BACKENDS.join(', ')} or none, not "${strange[0]}"`);
  process.exit(2);
}
const started = performance.now();
const rows: Row[] = [];
const claims: ClaimEnd[] = [];
for (const guest of GUESTS.filter(({ name }) => names.length === 0 || names.includes(name))) {
  const contract = guest.hasContract ? backends : [];
  console.error(`booting ${guest.name} (${guest.arch})`);
  const image = makeImage(guest);
  const words = [
    `ns.contract=${contract.join(',')}`,
    `ns.claims=${CLAIMS.replaceAll(' ', '+')}`,
    ...(guest.policy === undefined ? [] : [`ns.policy=${guest.policy}`]),
  ];
  const before = performance.now();
  const log = join(DIR, `console-${guest.name}`);
  const text = await bootUntilItSpeaks(guest, image, words.join(' '), (5 + 40 * contract.length) * MINUTE, log);
  const judged = judge(guest, text, (performance.now() - before) / 1000, contract);
  rows.push(...judged.rows);
  claims.push(...judged.claims);
}
print(
  ['guest', 'judgement', 'result', ''],
  [20, 38, 80, 7],
  rows.map(({ guest, judgement, result, isRight }) => [guest, judgement, result, isRight ? 'right' : 'WRONG']),
);
if (claims.length > 0) {
  const file = join(DIR, 'claims.tsv');
  writeMatrix(claims, file);
  print(['claim that does not hold everywhere', 'why, and where'], [70, 77], differences(claims));
  console.log(`${new Set(claims.map(({ claim }) => claim)).size} claims; kernel by claim: ${file}`);
}
const wrong = rows.filter(({ isRight }) => !isRight).length;
const minutes = ((performance.now() - started) / MINUTE).toFixed(1);
console.log(`${rows.length} judgements, ${wrong} wrong, in ${minutes} minutes`);
process.exitCode = wrong === 0 ? 0 : 1;
