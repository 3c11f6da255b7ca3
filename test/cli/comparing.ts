import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import t from 'tap';
import { PRIVILEGED, toolPath, unmet } from '../contract/caller.ts';
import { withoutRunner } from '../without-runner.ts';
import type { Line } from './lines.ts';

/** Comparing takes time, not processors: each of the two waits for its children. */
const AT_ONCE = 3;

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

/** A tool of util-linux, and the program of ours that has its options. */
export interface Pair {
  readonly tool: string;
  readonly name: string;
  readonly ours: readonly string[];
  /** Words of a line that take user namespaces. */
  readonly takesUser: RegExp;
  /** Whether the tool runs a command without entering anything. */
  readonly entersNothing?: boolean;
}

/** The ids that the lines are about, which whoever starts this gives to the user. */
const whyNoSubids = (): string | null => {
  if (toolPath('newuidmap') === null || toolPath('newgidmap') === null) return 'there is no newuidmap in PATH';
  const given = new RegExp(`^${process.getuid?.()}:200000:1000$`, 'm');
  const isGiven = existsSync('/etc/subuid') && given.test(readFileSync('/etc/subuid', 'utf8'));
  return isGiven ? null : 'the caller has no ids for it in /etc/subuid';
};

const whyNot = (line: Line, help: string, { tool, takesUser, entersNothing }: Pair): string | null => {
  if (line.by === 'root' && !PRIVILEGED) return 'needs root';
  if (line.since !== undefined && !help.includes(line.since)) return `the installed ${tool} has no ${line.since}`;
  if (line.entersNothing === true && entersNothing === false) return `the installed ${tool} refuses to enter nothing`;
  if (line.tool !== undefined && toolPath(line.tool) === null) return `there is no ${line.tool} in PATH`;
  const subids = line.subids === true ? whyNoSubids() : null;
  if (subids !== null) return subids;
  return line.argv.some((word) => takesUser.test(word)) ? unmet('user-namespaces') : null;
};

const compare = async (line: Line, help: string, pair: Pair): Promise<void> => {
  const { tool, name, ours: program } = pair;
  const title = `${name} ${line.argv.map((word) => (/^[\w/=:,.-]+$/.test(word) ? word : JSON.stringify(word))).join(' ')}`;
  const reason = whyNot(line, help, pair);
  if (reason !== null) return void t.pass(title, { skip: reason });
  const [theirs, ours] = await Promise.all([outcome([tool], line), outcome(program, line)]);
  t.same(
    { stdout: ours.stdout, code: ours.code },
    { stdout: theirs.stdout, code: theirs.code },
    `${title} is what ${tool} does (exit code ${theirs.code})`,
    { stderr: { ours: ours.stderr, theirs: theirs.stderr } },
  );
};

/** Does every line by the tool and by ours, as whoever runs this. */
export const compareAll = async (pair: Pair, lines: readonly Line[]): Promise<void> => {
  if (toolPath(pair.tool) === null) {
    t.pass(`${pair.name} beside ${pair.tool}`, { skip: `there is no ${pair.tool} in PATH` });
    return;
  }
  const { stdout: help } = await outcome([pair.tool], { argv: ['--help'], by: 'user' });
  const waiting = [...lines];
  const work = async (): Promise<void> => {
    for (let line = waiting.shift(); line !== undefined; line = waiting.shift()) await compare(line, help, pair);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
};
