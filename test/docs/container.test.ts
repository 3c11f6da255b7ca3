import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { unmet } from '../contract/caller.ts';
import type { Need } from '../contract/claim.ts';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/what-a-container-is-made-of.md', root), 'utf8');

const skipHere = (name: string): string | false => {
  const needs: readonly Need[] = name === 'ipc' ? ['user-namespaces', 'tool:ipcmk', 'tool:ipcs'] : ['user-namespaces'];
  const reason = needs.map(unmet).find((why) => why !== null);
  if (reason !== undefined && reason !== null) return reason;
  const devices = readFileSync('/proc/net/dev', 'utf8');
  if (name !== 'net') return false;
  // Some kernels put fallback tunnels into every network namespace; and a test may itself run where lo is down.
  if (/^ *(?:sit0|tunl0|gre0|ip6tnl0|ip_vti0):/m.test(devices))
    return 'this kernel has more than lo in every namespace';
  return 'lo' in networkInterfaces() ? false : 'lo is down outside, too';
};

const steps = [
  ...page.matchAll(
    /`examples\/(\w+)\.ts`:\n\n```ts\n(.*?)```\n\nIt prints\n\n```text\n(.*?)```\n\nThe same from a shell:\n\n```sh\n(.*?)\n```\n\nwhich prints\n\n```text\n(.*?)```/gs,
  ),
].map(([, name = '', source = '', prints = '', line = '', shown = '']) => ({ name, source, prints, line, shown }));

t.equal(steps.length, 6, 'six steps');

/** What stands between `<` and `>` is a number. */
const pattern = (prints: string): RegExp =>
  new RegExp(`^${prints.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/<\w+>/g, '[1-9]\\d*')}$`);

for (const { name, source, prints, line, shown } of steps) {
  t.test(`examples/${name}.ts stands on the page as it is`, async (t) => {
    t.equal(source, readFileSync(new URL(`examples/${name}.ts`, root), 'utf8'));
  });

  const skip = skipHere(name);

  t.test(`examples/${name}.ts prints what the page says`, { skip }, async (t) => {
    const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
    const done = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    t.equal(done.stderr, '');
    t.match(done.stdout, pattern(prints));
  });

  t.test(`the line for a shell beside examples/${name}.ts prints what the page says`, { skip }, async (t) => {
    const program = fileURLToPath(new URL('../../published/ns-run.js', import.meta.url));
    // sh(1) takes no hyphen in the name of a function.
    const script = `ns_run() { "$NODE" "$NS_RUN" "$@"; }\n${line.replaceAll('ns-run', 'ns_run')}`;
    const env = { ...process.env, NODE: process.execPath, NS_RUN: program };
    const done = spawnSync('sh', ['-e', '-c', script], { encoding: 'utf8', env });
    t.equal(done.stderr, '');
    t.equal(done.status, 0);
    t.match(done.stdout, pattern(shown));
  });
}
