import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { main } from '../../cli/ns-bench.ts';
import { openBackend } from '../../lib/index.ts';
import { countLeaks } from '../leaks.ts';

/** A stream that remembers. */
const written = () => {
  const chunks: string[] = [];
  const stream = new Writable({
    write: (chunk, _, done) => {
      chunks.push(String(chunk));
      done();
    },
  });
  return { stream, text: () => chunks.join('') };
};

const bench = async (argv: readonly string[], changes: { stop?: AbortSignal; env?: NodeJS.ProcessEnv } = {}) => {
  const [stdout, stderr] = [written(), written()];
  const code = await main(argv, {
    stdout: stdout.stream,
    stderr: stderr.stream,
    env: changes.env ?? {},
    stop: changes.stop ?? new AbortController().signal,
  });
  return { code, stdout: stdout.text(), stderr: stderr.text() };
};

const SCRIPT = fileURLToPath(new URL('../../published/ns-bench.js', import.meta.url));

/** ns-bench as a process of its own. */
const started = (argv: readonly string[]) => {
  const child = spawn(process.execPath, [SCRIPT, ...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  const read = (stream: NodeJS.ReadableStream) => {
    let text = '';
    stream.on('data', (chunk) => {
      text += chunk;
    });
    return () => text;
  };
  const [stdout, stderr] = [read(child.stdout), read(child.stderr)];
  return { child, stdout, stderr, ended: once(child, 'close') as Promise<[number | null, string | null]> };
};

/** Waits until a process has a child, or is gone. */
const untilItHasAChild = async (pid: number | undefined): Promise<void> => {
  for (;;) {
    try {
      if (readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') !== '') return;
    } catch {
      return;
    }
    await sleep(5);
  }
};

const ffi = openBackend('ffi');
const withoutFfi = ffi.isErr() ? ffi.error.message : false;

t.test('ns-bench refuses bad arguments with 2 and a sentence', async (t) => {
  const cases: readonly [readonly string[], string][] = [
    [['-n', '0'], 'ns-bench: Option "--iterations" is "0", wanted a whole number from 1 to 1000000\n'],
    [['--warmup', 'x'], 'ns-bench: Option "--warmup" is "x", wanted "auto" or a whole number from 0 to 1000000\n'],
    [['--seed=1.5'], 'ns-bench: Option "--seed" is "1.5", wanted a whole number from 0 to 4294967295\n'],
    [['--backend', 'x'], 'ns-bench: Option "--backend" is "x", wanted one of auto, ffi, shell\n'],
    [['--flag', 'none'], "ns-bench: unknown option '--flag' (Did you mean --flags?)\n"],
    [
      ['--save', '/nonexistent/x'],
      'ns-bench: Option "--save" is "/nonexistent/x", wanted a file in a directory that can be written to (ENOENT)\n',
    ],
    [
      ['--compare', '/nonexistent/x'],
      'ns-bench: Option "--compare" is "/nonexistent/x", wanted a run that was saved: ENOENT\n',
    ],
    [['-n'], "ns-bench: option '-n, --iterations <count>' argument missing\n"],
  ];
  for (const [argv, sentence] of cases) t.same(await bench(argv), { code: 2, stdout: '', stderr: sentence });
  t.match(await bench(['--flags', 'pid+foo']), {
    code: 2,
    stdout: '',
    stderr: /"--flags" is "pid\+foo", wanted types out of/,
  });
  t.match(await bench([], { env: { NS_BACKEND: 'x' } }), { code: 2, stderr: /"NS_BACKEND" is "x"/ });
});

t.test('ns-bench tells its version and its options', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'));
  t.same(await bench(['--version']), { code: 0, stdout: `${version}\n`, stderr: '' });
  const help = await bench(['--help']);
  t.equal(help.code, 0);
  for (const option of [
    '--flags',
    '--iterations',
    '--warmup',
    '--backend',
    '--quick',
    '--all',
    '--phases',
    '--rss',
    '--jobs',
    '--alive',
    '--mounts',
    '--budget',
    '--no-peers',
    '--seed',
    '--json',
    '--csv',
    '--markdown',
    '--save',
    '--html',
    '--compare',
    '--noise',
  ]) {
    t.match(help.stdout, option);
  }
});

t.test('ns-bench --json measures every case as often as it is asked', { skip: withoutFfi }, async (t) => {
  const { code, stdout } = await bench([
    '--json',
    '-n',
    '3',
    '-w',
    '1',
    '--flags',
    'user',
    '--flags',
    'user+uts,pid',
    '--seed',
    '5',
  ]);
  const report = JSON.parse(stdout);
  t.equal(code, 0);
  t.match(report, { rounds: 3, ended: 'complete', options: { iterations: 3, warmup: 1, seed: 5 } });
  t.same([...new Set(report.cases.map(({ flags }: { flags: string }) => flags))], ['none', 'user', 'user+uts+pid']);
  const ways = new Set(report.cases.map(({ way }: { way: string }) => way));
  for (const way of ['ffi program', 'ffi spawn', 'child_process', 'child_process unshare']) t.ok(ways.has(way), way);
  for (const { id, way, refused, samples } of report.cases) {
    if (refused !== null) {
      // A machine may refuse user namespaces; then it must say so, and none must work all the same.
      t.notMatch(id, /:none$/, `${id}: ${refused.message}`);
      continue;
    }
    const quantities = way.endsWith('program') ? ['cloneNs', 'totalNs'] : ['blockedNs', 'exitKnownNs'];
    t.same(Object.keys(samples).sort(), quantities, id);
    const [part, whole] = quantities.map((quantity) => samples[quantity]);
    t.ok(part.length === 3 && whole.length === 3, `${id}: three rounds`);
    t.ok(
      part.every((ns: number, round: number) => ns > 0 && ns <= whole[round]),
      `${id}: a part is no longer than the whole`,
    );
  }
});

t.test('ns-bench saves a run and compares a later one with it', { skip: withoutFfi }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-bench-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'run.json');
  const few = ['-n', '10', '-w', '0', '--no-peers', '--backend', 'ffi', '--flags', 'none'];
  const html = join(dir, 'report.html');
  t.equal((await bench([...few, '--save', file, '--html', html])).code, 0);
  t.match(readFileSync(html, 'utf8'), /^<!doctype html>[\s\S]*<svg [\s\S]*<\/html>\n$/);
  const run = JSON.parse(readFileSync(file, 'utf8'));
  t.match(run, { schema: 'linux-namespaces/ns-bench', rounds: 10, comparison: null });
  // Nothing is slower than this: every time of the earlier run as if it had been an hour.
  const scaled = (factor: number): void => {
    const cases = run.cases.map((one: { samples: Record<string, number[]> }) => ({
      ...one,
      samples: Object.fromEntries(
        Object.entries(one.samples).map(([quantity, list]) => [quantity, list.map((ns) => ns * factor)]),
      ),
    }));
    writeFileSync(file, JSON.stringify({ ...run, cases }));
  };
  scaled(1e4);
  const faster = await bench([...few, '--compare', file]);
  t.equal(faster.code, 0);
  t.match(faster.stdout, /0 slower, 4 faster, 0 the same/);
  scaled(1e-4);
  const slower = await bench([...few, '--json', '--compare', file]);
  t.equal(slower.code, 3);
  const verdicts = JSON.parse(slower.stdout).comparison.rows.map(({ verdict }: { verdict: string }) => verdict);
  t.same(verdicts, ['slower', 'slower', 'slower', 'slower']);
});

t.test('ns-bench compares axes, too, and refuses a run of something else', { skip: withoutFfi }, async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-bench-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'run.json');
  const few = ['-n', '10', '-w', '0', '--no-peers', '--backend', 'ffi', '--flags', 'none'];
  t.equal((await bench([...few, '-j', '1', '--save', file])).code, 0);
  // Every time of the earlier run as if it had been a thousandth.
  const run = JSON.parse(readFileSync(file, 'utf8'));
  run.scaling[0].rows[0].samples[0] = run.scaling[0].rows[0].samples[0].map((ns: number) => ns / 1000);
  writeFileSync(file, JSON.stringify({ ...run, context: { ...run.context, kernel: '5.10.0' } }));
  const { code, stdout, stderr } = await bench([...few, '-j', '1', '--compare', file]);
  t.equal(code, 3, stdout);
  t.match(stdout, /^none +ffi spawn, jobs 1 +for each child .* slower$/m);
  t.match(stdout, /^- kernel: 5\.10\.0 -> /m);
  t.match(stderr, /warning: The runs that are compared differ in kernel: /);
  const blind = await bench([...few, '-n', '1', '-j', '1', '--compare', file]);
  t.equal(blind.code, 0, 'one round proves nothing');
  t.match(blind.stderr, /warning: Too few rounds to call anything slower or faster: .* -n \d+/);
  const other = await bench([...few, '--json', '--compare', file]);
  t.equal(other.code, 1);
  t.match(other.stderr, /nothing of what was measured is in ".*run\.json": it is a run of something else\n$/);
});

t.test('ns-bench --all tells what each flag adds', { skip: withoutFfi }, async (t) => {
  const few = ['--all', '-n', '2', '-w', '0', '--budget', '8', '--backend', 'ffi'];
  const { code, stdout } = await bench(few);
  // A machine may refuse every namespace; what it cannot measure it has no model for.
  t.equal(code, stdout.includes('marginal cost') ? 0 : 1);
  if (code !== 0) return;
  t.match(stdout, /^marginal cost of each flag, until clone3 returned, ffi program, (ns|µs|ms)$/m);
  t.match(stdout, /^uts +[+-][\d.]+ +[+-][\d.]+ to [+-][\d.]+/m);
  t.match(stdout, /^Least squares through the medians of \d+ sets/m);
  t.match(await bench([...few, '--flags', 'pid']), { code: 2, stderr: /"--flags" is "pid", wanted it without --all/ });
});

t.test('ns-bench --phases tells where the time goes', { skip: withoutFfi }, async (t) => {
  const { code, stdout } = await bench(['--phases', '-n', '2', '-w', '0', '--flags', 'user', '--backend', 'ffi']);
  t.equal(code, 0);
  t.match(stdout, /^none +child runs +[\d.]+ .*\n +clone returned +[\d.]+ .*\n +reaped +[\d.]+/m);
  t.match(stdout, /^nothing \(the clock\) +nothing +[\d.]+/m);
  t.match(await bench(['--phases', 'true']), { code: 2, stderr: /"--phases" is "true", wanted an absolute path/ });
  t.match(await bench(['--phases', '--all']), { code: 2, stderr: /wanted it without --all/ });
  for (const other of [['--phases'], ['--all'], ['-j', '1']])
    t.match(await bench([...other, '--peers']), { code: 2, stderr: /"--peers" is "on", wanted it without --all/ });
  const shell = await bench(['--phases', '-n', '2', '--backend', 'shell']);
  if (!/not available/.test(shell.stderr)) t.match(shell.stdout, /^\[1\] timing single system calls takes the ffi/m);
});

t.test('ns-bench --rss tells how times grow', { skip: withoutFfi }, async (t) => {
  const { code, stdout } = await bench(['--rss', '0,20M', '-n', '2', '--flags', 'none']);
  t.equal(code, 0);
  t.match(stdout, /^medians by memory of the parent, (?:ns|µs|ms)$/m);
  t.match(stdout, /^none +child_process +event loop blocked +[\d.]+ +[\d.]+ +[\d.]+ +[\d.]+ to [\d.]+$/m);
  t.match(await bench(['--rss', '1T']), { code: 2, stderr: /"--rss" is "1T", wanted sizes up to 64G/ });
  t.match(await bench(['-j', '2', '--all']), { code: 2, stderr: /"--jobs" is "2", wanted it without --all/ });
});

t.test('ns-bench prints CSV and Markdown', { skip: withoutFfi }, async (t) => {
  const few = ['-n', '3', '-w', '0', '--no-peers', '--backend', 'ffi', '--flags', 'none'];
  t.match(await bench([...few, '--csv']), { code: 0, stdout: /^quantity,way,flags,.*\r\ncloneNs,ffi program,none,3,/ });
  t.match(await bench([...few, '--markdown']), { code: 0, stdout: /^## ns-bench .*\n\n- kernel: Linux / });
});

t.test('ns-bench prints tables without colour codes where there is no terminal', { skip: withoutFfi }, async (t) => {
  const { code, stdout, stderr } = await bench([
    '-n',
    '3',
    '-w',
    '0',
    '--no-peers',
    '--backend',
    'ffi',
    '--flags',
    'user',
  ]);
  t.equal(code, stderr.includes('nothing of what was asked') ? 1 : 0);
  t.match(stdout, /^ns-bench .*: \/bin\/true, 3 rounds after 0 of warm-up/);
  for (const title of ['until clone3 returned', 'until reaped', 'until exit is known', 'event loop blocked']) {
    t.match(stdout, new RegExp(`^${title}, .*(ns|µs|ms|s)\n.*flags .*p50`, 'm'));
  }
  t.match(stdout, /^none +[\d.]+ /m);
  t.match(stdout, /^user +([\d.]+ .*[+-][\d.]+ ± [\d.]+|refused: )/m);
  t.notMatch(stdout, '\u001b');
  t.match(stderr, /^ns-bench: warning: p99 of 3 iterations/m);
});

t.test('ns-bench shows a row that is refused, with the reason', async (t) => {
  const { code, stdout, stderr } = await bench([
    '-n',
    '2',
    '-w',
    '0',
    '--flags',
    'none',
    '--',
    '/nonexistent/command',
    '-n',
  ]);
  t.equal(code, 1);
  t.match(stdout, 'refused: exec-failed [1]');
  t.match(stdout, /^\[1\] .*\/nonexistent\/command/m);
  t.match(stderr, /nothing of what was asked for could be measured/);
});

t.test('ns-bench refuses a command that fails', async (t) => {
  const { code, stdout } = await bench(['-n', '2', '-w', '0', '--flags', 'none', 'sh', '-c', 'exit 7']);
  t.equal(code, 1);
  t.match(stdout, /refused: command-failed/);
  t.match(stdout, /exited with 7, wanted exit code 0/);
});

t.test('ns-bench ends with 130 and what it has when it is interrupted', { skip: withoutFfi }, async (t) => {
  const leaks = countLeaks();
  const { child, stdout, stderr, ended } = started([
    ...['-n', '1000000', '-w', '0', '--flags', 'none', '--backend', 'ffi'],
    ...['--', 'sleep', '0.05'],
  ]);
  await untilItHasAChild(child.pid);
  child.kill('SIGINT');
  t.same(await ended, [130, null]);
  t.match(stderr(), /^ns-bench: interrupted after \d+ of 1000000 rounds$/m);
  t.match(stdout(), /^ns-bench /);
  t.same(await leaks(), []);
});

const shell = openBackend('shell');
const withoutShell = shell.isErr() ? shell.error.message : false;

t.test('ns-bench kills the child that runs when it is interrupted', { skip: withoutShell }, async (t) => {
  const leaks = countLeaks();
  const { child, ended } = started([
    ...['-n', '3', '-w', '0', '--flags', 'none', '--backend', 'shell'],
    ...['--', 'sleep', '60'],
  ]);
  await untilItHasAChild(child.pid);
  child.kill('SIGTERM');
  t.same(await ended, [143, null]);
  t.same(await leaks(), []);
});

t.test('ns-bench ends quietly when nobody reads', { skip: withoutFfi }, async (t) => {
  const { child, stderr, ended } = started(['-n', '2', '-w', '0', '--flags', 'none', '--backend', 'ffi', '--no-peers']);
  child.stdout.destroy();
  t.same(await ended, [0, null]);
  t.notMatch(stderr(), /EPIPE|at .*\.js/);
});
