// Every line of lines.ts by unshare(1) and by ns-run, as whoever runs this.
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { PRIVILEGED, toolPath, unmet } from '../contract/caller.ts';
import { withoutRunner } from '../without-runner.ts';
import { LINES, type Line } from './lines.ts';

/** Comparing takes time, not processors: each of the two waits for its children. */
const AT_ONCE = 3;

t.setTimeout(240_000);

const nsRun = [process.execPath, fileURLToPath(new URL('../../cli/ns-run.js', import.meta.url))];

interface Outcome {
  readonly stdout: string;
  /** As a shell shows it. */
  readonly code: number;
}

const outcome = (program: readonly string[], { argv, stdin = '', env = {} }: Line) =>
  new Promise<Outcome & { readonly stderr: string }>((resolve, reject) => {
    const [file = '', ...args] = withoutRunner(...program, ...argv);
    const variables = Object.fromEntries(
      Object.entries({ ...process.env, ...env }).filter(([, value]) => value !== undefined),
    );
    const child = spawn(file, args, { env: variables, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk) => {
      stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (code, signal) =>
      resolve({ stdout, stderr, code: code ?? 128 + (signal === null ? 0 : constants.signals[signal]) }),
    );
    // A command need not read what it is given.
    child.stdin.on('error', () => {});
    child.stdin.end(stdin);
  });

const ask = (...args: string[]): Promise<Outcome> => outcome(['unshare'], { argv: args, by: 'user' });

const whyNot = (line: Line, help: string): string | null => {
  if (line.by === 'root' && !PRIVILEGED) return 'needs root';
  if (line.since !== undefined && !help.includes(line.since)) return `the installed unshare has no ${line.since}`;
  if (line.tool !== undefined && toolPath(line.tool) === null) return `there is no ${line.tool} in PATH`;
  return line.argv.some((word) => /^-[a-zA-Z]*[rcU]|^--(?:user|map)/.test(word)) ? unmet('user-namespaces') : null;
};

const compare = async (line: Line, help: string): Promise<void> => {
  const title = `ns-run ${line.argv.map((word) => (/^[\w/=:,.-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')}`;
  const reason = whyNot(line, help);
  if (reason !== null) return void t.pass(title, { skip: reason });
  const [theirs, ours] = await Promise.all([outcome(['unshare'], line), outcome(nsRun, line)]);
  t.same(
    { stdout: ours.stdout, code: ours.code },
    { stdout: theirs.stdout, code: theirs.code },
    `${title} is what unshare does (exit code ${theirs.code})`,
    { stderr: { ours: ours.stderr, theirs: theirs.stderr } },
  );
};

if (toolPath('unshare') === null) {
  t.pass('ns-run beside unshare', { skip: 'there is no unshare in PATH' });
} else {
  const { stdout: help } = await ask('--help');
  const waiting = [...LINES];
  const work = async (): Promise<void> => {
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) await compare(line, help);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}
