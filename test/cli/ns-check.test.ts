import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import t from 'tap';
import { main } from '../../cli/ns-check/main.ts';

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
