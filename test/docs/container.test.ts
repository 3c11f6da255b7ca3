import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { run } from '../../lib/index.ts';

const root = new URL('../../../', import.meta.url);
const page = readFileSync(new URL('docs/what-a-container-is-made-of.md', root), 'utf8');

const NEEDED = ['user', 'pid', 'mnt', 'ipc', 'uts', 'net'] as const;
const possible = await run('true', [], { namespaces: NEEDED, mapRootUser: true });
const skip = possible.isErr() ? possible.error.message : false;

const steps = [
  ...page.matchAll(/`examples\/(\w+)\.ts`:\n\n```ts\n(.*?)```\n\nIt prints\n\n```text\n(.*?)```.*?```sh\n(.*?)\n```/gs),
].map(([, name, source, prints, line]) => ({ name, source, prints, line }) as Record<string, string>);

t.equal(steps.length, 6, 'six steps');

/** What stands between `<` and `>` is a number. */
const pattern = (prints: string): RegExp =>
  new RegExp(`^${prints.replace(/[.*+?^${}()|[\]\\]/g, '\\$&').replace(/<\w+>/g, '[1-9]\\d*')}$`);

for (const { name = '', source = '', prints = '', line = '' } of steps) {
  t.test(`examples/${name}.ts stands on the page as it is`, async (t) => {
    t.equal(source, readFileSync(new URL(`examples/${name}.ts`, root), 'utf8'));
  });

  t.test(`examples/${name}.ts prints what the page says`, { skip }, async (t) => {
    const file = fileURLToPath(new URL(`../../examples/${name}.js`, import.meta.url));
    const done = spawnSync(process.execPath, [file], { encoding: 'utf8' });
    t.equal(done.stderr, '');
    t.match(done.stdout, pattern(prints));
  });

  t.test(`the line for a shell beside examples/${name}.ts works`, { skip }, async (t) => {
    const program = fileURLToPath(new URL('../../cli/ns-run.js', import.meta.url));
    const script = `ns-run() { ${process.execPath} ${program} "$@"; }\n${line}`.replaceAll('ns-run', 'ns_run');
    const done = spawnSync('sh', ['-e', '-c', script.replace('cli/ns_run.js', 'cli/ns-run.js')], { encoding: 'utf8' });
    t.equal(done.stderr, '');
    t.equal(done.status, 0);
    const wanted: Record<string, RegExp> = {
      pid: /^inside: I am process 1\n$/,
      mnt: /^inside: \/proc shows \/proc\/1\n$/,
      ipc: /\n0x[0-9a-f]{8} /,
      uts: /^matrix\n$/,
      user: /^65534\n0\n$/,
      net: /^ *lo:/m,
    };
    t.match(done.stdout, wanted[name]);
  });
}
