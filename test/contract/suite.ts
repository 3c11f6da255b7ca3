// All claims on one backend, as whoever runs this: `node suite.js BACKEND [WORD]`; WORD picks claims by their titles.
// NS_FFI_HOST makes the ffi backend use that host; NS_CONTRACT_VARIANT names another way in which it is held back. An old
// kernel holds it back itself.
import { existsSync } from 'node:fs';
import t, { type Test } from 'tap';
import { openBackend, run } from '../../lib/index.ts';
import { closeInherited } from '../close-inherited.ts';
import { countLeaks } from '../leaks.ts';
import { hasMountSetattr, PRIVILEGED, UID, unmet } from './caller.ts';
import type { BackendName, Claim } from './claim.ts';
import { CLAIMS } from './claims/index.ts';
import { Refused } from './outcome.ts';

const [name = '', word = ''] = process.argv.slice(2);
if (name !== 'ffi' && name !== 'shell') throw new Error(`There is no backend "${name}"`);
const backend: BackendName = name;
// What keeps the ffi backend from doing things in its best way; the test that says it has seen to it.
const held =
  process.env['NS_FFI_HOST'] ?? process.env['NS_CONTRACT_VARIANT'] ?? (hasMountSetattr() ? undefined : 'path');
const host = backend === 'ffi' ? held : undefined;
const variant = host === undefined ? backend : `${backend}:${host}`;

/** When a claim is taken to hang. One that holds takes two seconds at most; a guest whose processor is emulated says more. */
const PATIENCE_MS = Number(process.env['NS_CONTRACT_PATIENCE_MS'] ?? 60_000);

const wasAnnounced = (claim: Claim): string | undefined =>
  claim.unsupportedOn?.[variant] ?? claim.unsupportedOn?.[backend];

closeInherited();

/** A child that a failed claim has left would keep this program alive. */
const endProcesses = (left: readonly string[]): void => {
  for (const line of left) {
    const [, pid] = /^processes: (\d+) /.exec(line) ?? [];
    if (pid !== undefined && existsSync(`/proc/${pid}`)) process.kill(Number(pid), 'SIGKILL');
  }
};

const check = async (t: Test, claim: Claim): Promise<void> => {
  const leaks = countLeaks();
  const reason = wasAnnounced(claim);
  try {
    await claim.run(t, backend);
    if (reason !== undefined) t.fail(`announced as unsupported on ${variant}, but done: ${reason}`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const { refusal } = error;
    if (reason === undefined) t.fail(`refused, which was not announced: ${refusal.message}`);
    t.equal(refusal.backend, backend, `refused: ${refusal.message}`);
    t.ok(refusal.what !== '' && refusal.needs !== '', `announced: ${reason}`);
  }
  const left = await leaks();
  t.strictSame(left, [], 'nothing is left behind');
  endProcesses(left);
};

const skipped = ({ needs = [], notOn = {} }: Claim): string | false =>
  notOn[backend] ?? needs.map(unmet).find((reason) => reason !== null) ?? false;

// Whoever runs this sets the limit; that of the whole is no business of a claim.
t.setTimeout(0);

const available = openBackend(backend);
t.ok(available.isOk(), available.isOk() ? `${variant} is available` : available.error.message);

if (available.isOk()) {
  // What the backend opens once and keeps is no leak.
  (await run('true', [], { backend, namespaces: PRIVILEGED ? ['uts'] : [] }))._unsafeUnwrap();
  t.comment(
    `${variant}, uid ${UID}, ${PRIVILEGED ? 'privileged' : 'not privileged'}: ${available.value.backend.available().unwrapOr('')}`,
  );
  for (const [room, claims] of Object.entries(CLAIMS)) {
    const wanted: readonly Claim[] = claims.filter(({ title }) => title.includes(word));
    if (wanted.length === 0) continue;
    t.test(room, async (t) => {
      for (const claim of wanted) {
        t.test(claim.title, { skip: skipped(claim), timeout: PATIENCE_MS }, (t) => check(t, claim));
      }
    });
  }
}
