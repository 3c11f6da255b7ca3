import { spawnSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { main } from '../../cli/ns-check/main.ts';
import { unmet } from '../../cli/ns-check/requirements.ts';
import { drawReport } from '../../cli/ns-check/table.ts';
import { plainEnv } from '../plain-env.ts';

const NS_CHECK = fileURLToPath(new URL('../../published/ns-check.js', import.meta.url));

const makeDir = (t: Test): string => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-check-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  return dir;
};

const run = async (args: readonly string[], stdin = '') => {
  const written = { stdout: '', stderr: '' };
  const to = (name: keyof typeof written) => ({
    write: (text: string) => {
      written[name] += text;
    },
  });
  const code = await main(args, { stdout: to('stdout'), stderr: to('stderr'), stdin: Readable.from([stdin]), env: {} });
  return { code, ...written };
};

const HARDENED = JSON.stringify({
  format: 'linux-namespaces-snapshot',
  version: 1,
  evidence: {
    caller: 'user',
    '/etc/os-release': 'ID=nixos\nPRETTY_NAME="NixOS 24.11"',
    '/proc/sys/kernel/osrelease': '6.6.63',
    '/proc/sys/user/max_user_namespaces': '0',
  },
});

t.test('ns-check --from says what is blocked, why, and what to type', async (t) => {
  const { code, stdout } = await run(['--from', '-'], HARDENED);
  t.equal(code, 0);
  t.match(stdout, /^Linux 6\.6\.63, NixOS 24\.11/);
  t.match(stdout, /^net +unknown +blocked +blocked$/m);
  t.match(stdout, /^1\. max-userns-zero {2}\(root: user, nesting; root in user: .*; user: .*\)$/m);
  t.match(stdout, /→ .*sysctl -w user\.max_user_namespaces=28633/);
  t.match(stdout, /boot\.kernel\.sysctl/);
  t.match(stdout, /Not known, and may tell more:\n.*→ /);
});

t.test('ns-check is as wide as the terminal where it shows evidence, and shortens long lists', async (t) => {
  const machine = JSON.parse(HARDENED);
  const evidence = { ...machine.evidence, '/proc/sys/user/max_user_namespaces': `0${' '.repeat(300)}` };
  const report = JSON.parse((await run(['--from', '-', '--json'], JSON.stringify({ ...machine, evidence }))).stdout);
  report.findings[0].evidence.push({ source: '/proc/self/cgroup', value: 'x'.repeat(150) });
  const draw = (stdout: { isTTY?: boolean; columns?: number }) =>
    drawReport(report, {
      stdout: { ...stdout, write: () => true },
      stderr: { write: () => true },
      stdin: Readable.from(['']),
      env: {},
    });
  t.match(draw({ isTTY: true, columns: 60 }), /^ {3}\/proc\/self\/cgroup: x{37}…$/m);
  t.match(draw({ columns: 60 }), /^ {3}\/proc\/self\/cgroup: x{150}$/m);
  t.match(
    draw({}),
    /^1\. max-userns-zero {2}\(root: user, nesting; root in user: everything; user: everything but clone3, /m,
  );
});

t.test('ns-check --json prints the report', async (t) => {
  const { stdout } = await run(['--from', '-', '--json'], HARDENED);
  t.match(JSON.parse(stdout), {
    kernel: '6.6.63',
    caller: 'user',
    findings: [{ cause: 'max-userns-zero', confidence: 'certain' }],
  });
});

t.test('ns-check --message explains what a tool said', async (t) => {
  const { stdout } = await run(
    ['--from', '-', '--message', 'unshare: unshare failed: No space left on device'],
    HARDENED,
  );
  t.match(stdout, /^max-userns-zero {2}\(unshare: unshare failed: No space left on device\)$/m);
});

t.test('ns-check --require fails with a line for each requirement that is not met', async (t) => {
  const { code, stdout, stderr } = await run(['--from', '-', '--require', 'user,net'], HARDENED);
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(stderr, /^ns-check: user: max-userns-zero: .*\nns-check: net: max-userns-zero: .*\(try: .*\)\n$/);
});

t.test('ns-check --tap prints a point for each requirement', async (t) => {
  const { code, stdout } = await run(['--from', '-', '--tap', '--require', 'user,newuidmap'], HARDENED);
  t.equal(code, 1);
  const lines = stdout.split('\n');
  t.same(lines.slice(0, 3), ['TAP version 14', '1..2', 'not ok 1 - user']);
  t.match(stdout, /^ {2}cause: "max-userns-zero"$/m);
  t.match(stdout, /^ {4}- ".*sysctl -w user\.max_user_namespaces=28633"$/m);
  t.match(stdout, /^not ok 2 - newuidmap$/m);
});

t.test('ns-check --tap without requirements has a point for everything', async (t) => {
  const { code, stdout } = await run(['--from', '-', '--tap'], HARDENED);
  t.equal(code, 0);
  t.equal(stdout.match(/^(?:not )?ok \d+ - /gm)?.length, Number(/^1\.\.(\d+)$/m.exec(stdout)?.[1]));
});

t.test('ns-check --prometheus prints samples, and none for what is not known', async (t) => {
  const { stdout } = await run(['--from', '-', '--prometheus'], HARDENED);
  for (const line of stdout.trimEnd().split('\n')) {
    t.match(line, /^(?:# (?:HELP|TYPE) ns_check_\w+ .+|ns_check_\w+(?:\{(?:\w+="(?:[^"\\\n]|\\.)*",?)*\})? \d+)$/);
  }
  t.match(stdout, /^ns_check_works\{who="user",in_user_namespace="true",check="net"\} 0$/m);
  t.notMatch(stdout, /ns_check_works\{who="root",in_user_namespace="false",check="net"\}/);
  t.match(stdout, /^ns_check_blocked\{.*check="net",cause="max-userns-zero",errno=""\} 1$/m);
});

t.test('ns-check --prometheus=FILE replaces the file', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-check-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'ns.prom');
  t.match(await run(['--from', '-', `--prometheus=${file}`], HARDENED), { code: 0, stdout: '', stderr: '' });
  t.match(readFileSync(file, 'utf8'), /^ns_check_works/m);
  t.same(readdirSync(dir), ['ns.prom'], 'nothing beside it');
  t.match(await run(['--from', '-', `--prometheus=${dir}/no/such/file`], HARDENED), { code: 2, stderr: /ENOENT/ });
});

t.test('ns-check --prometheus=FILE leaves a link a link, and a pipe a pipe', async (t) => {
  const dir = makeDir(t);
  const [file, link, pipe] = ['ns.prom', 'link', 'pipe'].map((name) => join(dir, name)) as [string, string, string];
  writeFileSync(file, '');
  symlinkSync(file, link);
  t.match(await run(['--from', '-', `--prometheus=${link}`], HARDENED), { code: 0, stdout: '' });
  t.ok(lstatSync(link).isSymbolicLink());
  t.match(readFileSync(file, 'utf8'), /^ns_check_works/m);
  t.equal(spawnSync('mkfifo', [pipe]).status, 0);
  const fd = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    t.match(await run(['--from', '-', `--prometheus=${pipe}`], HARDENED), { code: 0, stdout: '' });
    const buffer = Buffer.alloc(65_536);
    t.match(buffer.toString('utf8', 0, readSync(fd, buffer)), /^ns_check_works/m);
  } finally {
    closeSync(fd);
  }
  t.ok(lstatSync(pipe).isFIFO());
  t.same(readdirSync(dir).sort(), ['link', 'ns.prom', 'pipe']);
  t.match((await run(['--from', '-', '--prometheus=-'], HARDENED)).stdout, /^ns_check_works/m);
});

t.test('ns-check says that it could not write, and what it found has the exit code when nobody reads', async (t) => {
  const file = join(makeDir(t), 'machine.json');
  writeFileSync(file, HARDENED);
  const command = [process.execPath, NS_CHECK, '--from', file, '--tap'];
  const inShell = (script: string) =>
    spawnSync('sh', ['-c', script, 'sh', ...command], { encoding: 'utf8', env: plainEnv() });
  if (existsSync('/dev/full')) {
    const { status, stderr } = inShell('exec "$@" > /dev/full');
    t.equal(status, 2);
    t.match(stderr, /^ns-check: Cannot write the report: ENOSPC[^\n]*\n$/);
  }
  t.match(inShell('{ "$@" --require user 2>/dev/null; echo "code $?" >&2; } | true').stderr, /^code 1$/m);
  t.match(inShell('{ "$@" 2>/dev/null; echo "code $?" >&2; } | true').stderr, /^code 0$/m);
});

t.test('ns-check --save prints what else is asked for, of the same machine', async (t) => {
  const file = join(makeDir(t), 'machine.json');
  const { code, stdout, stderr } = await run(['--from', '-', '--save', file, '--tap', '--require', 'user'], HARDENED);
  t.equal(code, 1);
  t.match(stdout, /^not ok 1 - user$/m);
  t.match(stderr, /^ns-check: user: max-userns-zero: /);
  t.match(JSON.parse(readFileSync(file, 'utf8')).evidence, { '/proc/sys/user/max_user_namespaces': '0' });
});

t.test('ns-check --require with --user is about that user, not about root', async (t) => {
  const machine = JSON.parse(HARDENED);
  const root = JSON.stringify({
    ...machine,
    evidence: {
      ...machine.evidence,
      caller: 'root',
      '/proc/self/status': 'Uid:\t0\t0\t0\t0\nCapEff:\t000001ffffffffff',
    },
  });
  const report = JSON.parse((await run(['--from', '-', '--json'], root)).stdout);
  t.match(unmet(report, ['net'], false), [/^net: not known/], 'root needs no user namespace for it');
  t.match(unmet(report, ['net'], true), [/^net: max-userns-zero/]);
});

t.test('ns-check --tap skips what is not known and nobody requires', async (t) => {
  const { stdout } = await run(['--from', '-', '--tap'], HARDENED);
  t.match(stdout, /^ok \d+ - clone3 # SKIP not known: [^\n]+$/m);
  t.match((await run(['--from', '-', '--tap', '--require', 'clone3'], HARDENED)).stdout, /^not ok 1 - clone3$/m);
});

t.test('ns-check --save writes what --from reads', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-check-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const file = join(dir, 'machine.json');
  t.match(await run(['--save', file, '--redact', '--message', 'cannot clone: Invalid argument']), {
    code: 0,
    stdout: '',
    stderr: '',
  });
  t.match(JSON.parse(readFileSync(file, 'utf8')), {
    isRedacted: true,
    observed: [{ text: 'cannot clone: Invalid argument' }],
  });
  const { code, stdout } = await run(['--from', file]);
  t.equal(code, 0);
  t.match(stdout, /cannot clone: Invalid argument/);
});

t.test('ns-check refuses what cannot be meant, with a sentence and exit code 2', async (t) => {
  for (const [args, sentence] of [
    [['--require', 'usr'], /"--require" is "usr", wanted cgroup, ipc/],
    [['--redact'], /"--redact" is set, wanted "--save" with it/],
    [['--from', '-', '--user', 'x'], /"--user" is set, wanted without "--from"/],
    [['--from', '-', '--no-probe'], /"--no-probe" is set, wanted without "--from"/],
    [['--from', '-', '--backend', 'ffi'], /"--backend" is set, wanted without "--from"/],
    [['--save', '-', '--json'], /"--save" is "-", wanted a file/],
    [['--require', ''], /"--require" is "", wanted cgroup/],
    [['--from', '/no/such/file'], /ENOENT/],
    [['--from', '-'], /"snapshot\.format"|"snapshot" is/],
    [['--json', '--tap'], /"--tap" is set, wanted without "--json"/],
    [['--backend', 'x'], /"--backend" is "x", wanted auto, ffi or shell/],
    [['--nonsense'], /unknown option/],
    [['word'], /too many arguments/],
  ] as const) {
    const { code, stdout, stderr } = await run(args, '{}');
    t.equal(code, 2, args.join(' '));
    t.equal(stdout, '');
    t.match(stderr, /^ns-check: [^\n]+\n$/);
    t.match(stderr, sentence);
  }
});

t.test('ns-check --help and --version say so', async (t) => {
  t.match(await run(['--help']), { code: 0, stdout: /--require <names>/ });
  t.match(await run(['--version']), { code: 0, stdout: /^\d+\.\d+\.\d+\n$/ });
});
