import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { readRequest } from '../../cli/ns-check/request.ts';

const TEXT = readFileSync('docs/ns-check.md', 'utf8');
const BLOCKS = [...TEXT.matchAll(/^```yaml\n([\s\S]*?)^```$/gm)].map(([, block = '']) => block);

/** The words that follow a command, as a shell reads them. */
const wordsOf = (line: string): readonly string[] =>
  [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(([, single, double, plain]) => single ?? double ?? plain ?? '');

t.test('docs/ns-check.md shows command lines that ns-check takes', async (t) => {
  const commands = TEXT.split('\n').flatMap((line) => {
    const found = /(?:^ {4,}|linux-namespaces )ns-check( +-[^#]+)/.exec(line)?.[1];
    return found === undefined ? [] : [found.trim()];
  });
  for (const command of commands) t.ok(readRequest(wordsOf(command), '0').isOk(), command);
  t.ok(commands.length >= 7, `${commands.length}`);
});

t.test('docs/ns-check.md has the package’s own name wherever npx fetches it', async (t) => {
  const { name, bin } = JSON.parse(readFileSync('package.json', 'utf8'));
  t.ok('ns-check' in bin);
  for (const [line] of TEXT.matchAll(/^.*npx .*$/gm)) t.match(line, `--package ${name} ns-check`);
});

t.test('docs/ns-check.md has a script in its DaemonSet that a shell can read', async (t) => {
  const script = BLOCKS.flatMap((block) => /args:\n +- \|\n([\s\S]*?)\n +resources:/.exec(block)?.[1] ?? []);
  t.equal(script.length, 1);
  const { status, stderr } = spawnSync('sh', ['-n'], { input: script[0], encoding: 'utf8' });
  t.equal(status, 0, stderr);
  for (const block of BLOCKS) t.notMatch(block, /\t/, 'YAML has no tabs');
});
