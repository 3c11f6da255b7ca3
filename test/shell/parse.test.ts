import { readFileSync, realpathSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { matchesEntry, parseBinfmtEntry } from '../../backends/shell/binfmt.ts';
import { executable } from '../../backends/shell/executable.ts';
import { isAtLeast } from '../../backends/shell/needs.ts';
import {
  errnoIn,
  errnoInAny,
  isTooLong,
  lastLine,
  signalInFarewell,
  speakerIn,
  stepIn,
} from '../../backends/shell/parse.ts';
import { quote } from '../../backends/shell/quote.ts';
import { longOptions, utilLinuxVersion } from '../../backends/shell/tools.ts';

/** What tools of several releases say, and what it means. */
const MESSAGES: readonly (readonly [text: string, step: string, errno: string | null])[] = [
  ['unshare: unshare failed: Operation not permitted', 'unshare', 'EPERM'],
  ['unshare: unshare failed: No space left on device', 'unshare', 'ENOSPC'],
  ['unshare: unshare failed: Invalid argument', 'unshare', 'EINVAL'],
  ['unshare: unshare failed: Too many users', 'unshare', 'EUSERS'],
  ['unshare: fork failed: Cannot allocate memory', 'clone', 'ENOMEM'],
  ['unshare: fork failed: Resource temporarily unavailable', 'clone', 'EAGAIN'],
  ['unshare: cannot change root filesystem propagation: Permission denied', 'propagation', 'EACCES'],
  ['unshare: cannot change /proc filesystem propagation: Invalid argument', 'propagation', 'EINVAL'],
  ['unshare: mount /proc failed: Operation not permitted', 'mount-proc', 'EPERM'],
  ['unshare: mount /a: b failed: No such file or directory', 'mount-proc', 'ENOENT'],
  ['unshare: cannot open /proc/self/uid_map: Permission denied', 'id-map', 'EACCES'],
  ['unshare: write failed /proc/self/gid_map: Operation not permitted', 'id-map', 'EPERM'],
  ['unshare: cannot open /proc/self/setgroups: No such file or directory', 'id-map', 'ENOENT'],
  ['unshare: setgroups failed: Operation not permitted', 'credentials', 'EPERM'],
  ['unshare: setuid() failed: Invalid argument', 'credentials', 'EINVAL'],
  ['unshare: prctl(PR_CAP_AMBIENT) failed: Operation not permitted', 'capabilities', 'EPERM'],
  ['setpriv: setresuid failed: Operation not permitted', 'credentials', 'EPERM'],
  ['setpriv: set parent death signal failed: Invalid argument', 'parent-death', 'EINVAL'],
  ['setpriv: unknown signal: SIGFOO', 'parent-death', null],
  ['setpriv: apply capabilities: Operation not permitted', 'capabilities', 'EPERM'],
  ['setsid: setsid failed: Operation not permitted', 'session', 'EPERM'],
  ['ns-set-up: 1: exec: /usr/bin/setpriv: not found', 'prepare', 'ENOENT'],
  ['unshare: failed to execute /bin/dash: Argument list too long', 'prepare', 'E2BIG'],
  ['bash: warning: setlocale\nunshare: unshare failed: Operation not permitted\n', 'unshare', 'EPERM'],
  ['unshare: unrecognized option: time', 'prepare', null],
  ['', 'prepare', null],
];

t.test('stepIn() and errnoIn() understand what the tools say', async (t) => {
  for (const [text, step, errno] of MESSAGES) {
    t.equal(stepIn(text), step, `step of ${JSON.stringify(text)}`);
    t.equal(errnoIn(text), errno, `errno of ${JSON.stringify(text)}`);
  }
  t.equal(errnoIn('hostname: you must be root to change the host name'), 'EPERM');
  t.equal(errnoIn('/usr/bin/od: /a: Permission denied/.: Not a directory'), 'ENOTDIR', 'the end of it counts');
  t.equal(errnoIn('od: Not a directory: x'), null);
  const mount =
    'mount: /x: mount point does not exist.\n       dmesg(1) may have more information after failed mount system call.\n';
  t.equal(errnoIn(mount), 'ENOENT');
  t.equal(speakerIn(mount), 'mount');
});

t.test('errnoInAny() takes the first message that names an errno', async (t) => {
  t.equal(errnoInAny('x: line 1: /a: Text file busy\nx: line 1: /a: Success\n'), 'ETXTBSY');
  t.equal(errnoInAny('x\ny: Permission denied\nz: Not a directory'), 'EACCES');
  t.equal(errnoInAny(''), null);
});

t.test('errnoIn(), stepIn() and lastLine() take any text', async () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const line = lastLine(text);
      return stepIn(text) !== undefined && errnoIn(text) !== undefined && !line.includes('\n') && text.includes(line);
    }),
  ),
);

t.test('speakerIn() names the tool that spoke last', async (t) => {
  t.equal(speakerIn('a: b\nunshare: unshare failed: x'), 'unshare');
  t.equal(speakerIn('/usr/bin/od: /x: y'), '/usr/bin/od');
  t.equal(speakerIn('two words: x'), null);
  t.equal(speakerIn(''), null);
});

t.test('isTooLong() tells an exec that had too much to carry', async (t) => {
  t.ok(isTooLong('unshare: failed to execute x: Argument list too long\n'));
  t.notOk(isTooLong('Argument list too long: x'));
});

t.test('signalInFarewell() tells SIGKILL from the words that unshare has for it', async (t) => {
  t.equal(signalInFarewell('unshare: sigprocmask unblock failed: Invalid argument\n'), 'SIGKILL', '2.38 and 2.39');
  t.equal(signalInFarewell('unshare: signal handler reset failed: Invalid argument\n'), 'lost', 'never of SIGKILL');
  t.equal(signalInFarewell('unshare: child exit failed: Success\n'), 'lost');
  t.equal(signalInFarewell('bash: warning\n'), null);
  t.equal(signalInFarewell(''), null);
});

t.test('utilLinuxVersion() and longOptions() read what a tool says of itself', async (t) => {
  t.equal(utilLinuxVersion('unshare from util-linux 2.38.1\n'), '2.38.1');
  t.equal(utilLinuxVersion('unshare from util-linux 2.42-rc1\n'), '2.42');
  t.equal(utilLinuxVersion('BusyBox v1.36.1 (2024-01-01) multi-call binary.\n'), null);
  const help =
    ' -m, --mount[=<file>]  unshare\n     --map-users=<a>,<b>\n -r, --map-root-user   map\n see --not-an-option-of---x';
  const options = longOptions(help);
  for (const option of ['--mount', '--map-users', '--map-root-user']) t.ok(options.has(option), option);
  t.notOk(options.has('--map'));
});

t.test('isAtLeast() compares releases by number', async (t) => {
  t.ok(isAtLeast('2.38', '2.38'));
  t.ok(isAtLeast('2.38.1', '2.38'));
  t.ok(isAtLeast('2.100', '2.38'));
  t.ok(isAtLeast('3.0', '2.38'));
  t.notOk(isAtLeast('2.9', '2.38'));
  t.notOk(isAtLeast('2.37.4', '2.38'));
  t.notOk(isAtLeast('2', '2.1'));
});

t.test('quote() leaves no word open', async () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (word) => {
      const quoted = quote(word);
      // What sh(1) makes of single quotes, and of the one character that is escaped between them.
      const back = quoted.startsWith("'") ? quoted.slice(1, -1).replaceAll(`'\\''`, "'") : quoted;
      return back === word && (quoted.startsWith("'") || /^[\w@%+=:,./-]+$/.test(quoted));
    }),
  ),
);

const elf = (elfClass: number, machine: number, interpreter?: string): Buffer => {
  const head = Buffer.alloc(interpreter === undefined ? 64 : 64 + 56 + interpreter.length + 1);
  head.write('\x7fELF', 'latin1');
  head[4] = elfClass;
  head.writeUInt16LE(machine, 18);
  if (interpreter === undefined) return head;
  head.writeBigUInt64LE(64n, 32);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt32LE(3, 64);
  head.writeBigUInt64LE(120n, 72);
  head.writeBigUInt64LE(BigInt(interpreter.length + 1), 96);
  head.write(interpreter, 120);
  return head;
};

t.test('executable() foresees what execve() does with a file', async (t) => {
  const of = (head: Buffer | string, arch = 'x64', formats: Parameters<typeof executable>[2] = []) =>
    executable(typeof head === 'string' ? Buffer.from(head) : head, '/x/file.ext', formats, arch);
  t.strictSame(of('#!/bin/sh -e\necho\n'), { type: 'runs', interpreter: Buffer.from('/bin/sh') });
  t.strictSame(of('#! \t/usr/bin/env\tnode'), { type: 'runs', interpreter: Buffer.from('/usr/bin/env') });
  t.strictSame(of('#!\n'), { type: 'no-format' });
  t.strictSame(of(`#!/${'a'.repeat(300)}`), { type: 'unclear' }, 'a name that the kernel may cut off');
  t.strictSame(of(''), { type: 'no-format' });
  t.strictSame(of('echo x\n'), { type: 'no-format' });
  t.strictSame(of('echo x\n', 'x64', null), { type: 'no-format' }, 'nobody registers text');
  t.strictSame(of(elf(2, 62)), { type: 'runs', interpreter: null });
  t.strictSame(of(elf(2, 62, '/lib/ld.so')), { type: 'runs', interpreter: Buffer.from('/lib/ld.so') });
  t.strictSame(of(elf(1, 3)), { type: 'runs', interpreter: null }, '32 bits');
  t.strictSame(of(elf(2, 183)), { type: 'no-format' }, 'of another architecture');
  t.strictSame(of(elf(2, 183), 'arm64'), { type: 'runs', interpreter: null });
  t.strictSame(of(elf(2, 183), 'x64', null), { type: 'unclear' }, 'binfmt_misc may know it');
  t.strictSame(of(elf(2, 183), 'riscv64'), { type: 'unclear' });
  const qemu = parseBinfmtEntry('enabled\ninterpreter /q\nflags: F\noffset 18\nmagic b700\nmask ffff\n');
  t.strictSame(of(elf(2, 183), 'x64', qemu === null ? [] : [qemu]), { type: 'runs', interpreter: null });
});

t.test('executable() finds the loader of the program that runs this test', async (t) => {
  const path = realpathSync(process.execPath);
  const head = readFileSync(path).subarray(0, 2048);
  const found = executable(head, path, [], process.arch);
  t.match(found, { type: 'runs' });
  if (found.type === 'runs' && found.interpreter !== null) t.ok(readFileSync(found.interpreter).length > 0);
});

t.test('executable() takes any bytes', async () =>
  fc.assert(
    fc.property(
      fc.constantFrom('', '\x7fELF\x02', '\x7fELF\x01', '#!'),
      fc.uint8Array({ maxLength: 200 }),
      (magic, rest) => {
        const head = Buffer.concat([Buffer.from(magic, 'latin1'), rest]);
        return ['runs', 'no-format', 'unclear'].includes(executable(head, 'x', [], 'x64').type);
      },
    ),
  ),
);

t.test('parseBinfmtEntry() and matchesEntry() know formats by bytes and by name', async (t) => {
  const magic = parseBinfmtEntry('enabled\ninterpreter /w\nflags: \noffset 1\nmagic 4d00\nmask ff0f\n');
  t.ok(magic !== null && matchesEntry(magic, Buffer.from('xM\x10'), 'f'), 'the mask leaves bits out');
  t.notOk(magic !== null && matchesEntry(magic, Buffer.from('xM\x01'), 'f'));
  t.notOk(magic !== null && matchesEntry(magic, Buffer.from('xM'), 'f'), 'too short');
  const extension = parseBinfmtEntry('enabled\ninterpreter /w\nflags: \nextension .jar\n');
  t.ok(extension !== null && matchesEntry(extension, Buffer.from(''), 'a/b.jar'));
  t.notOk(extension !== null && matchesEntry(extension, Buffer.from(''), 'jar'));
  t.equal(parseBinfmtEntry('disabled\ninterpreter /w\nflags: \noffset 0\nmagic 4d\n'), null);
});
