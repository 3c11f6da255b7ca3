import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';
import { toolPath } from '../contract/caller.ts';

const text = readFileSync('docs/options.md', 'utf8');

/** The table of a section, by the first word of its heading. */
const section = (tool: string): string =>
  text.split(/^## /m).find((part) => part.startsWith(`${tool} `) || part.startsWith(`${tool},`)) ?? '';

for (const tool of ['unshare', 'setpriv', 'bwrap']) {
  const skip = toolPath(tool) === null ? `there is no ${tool} in PATH` : false;
  t.test(`docs/options.md has a row for every option of the installed ${tool}`, { skip }, async (t) => {
    const { stdout } = spawnSync(tool, ['--help'], { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } });
    const options = [...stdout.matchAll(/^\s+(?:-[a-zA-Z], )?(--[a-z][a-z0-9-]*)/gm)].map(([, option]) => option ?? '');
    t.ok(options.length > 10);
    const known = section(tool);
    t.strictSame(
      options.filter((option) => !new RegExp(`${option}(?![a-z0-9-])`).test(known)),
      [],
    );
  });
}

t.test('docs/options.md has no row without an answer', async (t) => {
  const rows = text.split('\n').filter((line) => line.startsWith('| ') && !line.startsWith('|---'));
  t.ok(rows.length > 80);
  const empty = rows.filter((row) => {
    const [, , ...answers] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return answers.join('') === '';
  });
  t.strictSame(empty, []);
});
