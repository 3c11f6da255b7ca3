import t, { type Test } from 'tap';
import { toolPath } from '../contract/caller.ts';
import { watchLeaks } from '../leaks.ts';
import { BACKENDS, descendants, HANDLER, NEW_PID, NS_RUN, noNewPid, stateOf } from './running.ts';
import { noTerminal, Terminal } from './terminal.ts';

t.setTimeout(180_000);
watchLeaks(t);

const CTRL_C = '\u0003';
const CTRL_BACKSLASH = '\u001c';
const CTRL_D = '\u0004';
const CTRL_Z = '\u001a';

/** Without a new pid namespace, and as its pid 1, which the kernel keeps signals from. */
const MANNERS = [
  { name: 'a command', options: [], why: false },
  { name: 'a pid 1', options: NEW_PID, why: noNewPid },
] as const;

for (const { backend, skip } of BACKENDS) {
  const test = (title: string, why: string | false, body: (t: Test, terminal: Terminal) => Promise<void>): void => {
    t.test(`${title}, on ${backend}`, { skip: noTerminal || skip || why }, async (t) => {
      const terminal = new Terminal();
      t.teardown(() => terminal.close());
      await body(t, terminal);
    });
  };
  const nsRun = (options: readonly string[], command: string): string =>
    `${[...NS_RUN, '--backend', backend, ...options].join(' ')} ${command}`;

  for (const { name, options, why } of MANNERS) {
    test(`Ctrl-C and Ctrl-\\ end ${name} that leaves them to their default`, why, async (t, terminal) => {
      for (const [key, code] of [
        [CTRL_C, '130'],
        [CTRL_BACKSLASH, '131'],
      ] as const) {
        // No core file.
        await terminal.enter(`ulimit -c 0; ${nsRun(options, 'cat')}`);
        // What cat says after the terminal's own echo shows that it runs.
        terminal.type('here\n');
        await terminal.shows('here\nhere\n');
        terminal.type(key);
        t.equal(await terminal.prints('echo $?'), code);
      }
    });

    test(`Ctrl-C reaches ${name} that handles it, once, and ns-run waits`, why, async (t, terminal) => {
      await terminal.enter(nsRun(options, [...HANDLER, 'SIGINT='].join(' ')));
      await terminal.shows('up\n');
      terminal.type(CTRL_C);
      await terminal.shows('got SIGINT\n');
      terminal.type('line\n');
      t.notMatch(await terminal.rest(), 'got', 'handled once');
      t.equal(await terminal.prints('echo $?'), '7');
    });

    test(`Ctrl-Z stops ${name} together with ns-run, and fg continues both`, why, async (t, terminal) => {
      await terminal.enter(nsRun(options, `sh -c 'echo u""p; while read x; do echo "got=$x"; done; exit 5'`));
      await terminal.shows('up\n');
      for (const round of ['first', 'second']) {
        terminal.type(CTRL_Z);
        await terminal.shows(/Stopped/);
        const pid = Number(await terminal.prints('jobs -p'));
        const pids = [pid, ...descendants(pid)];
        t.ok(pids.length >= 2, 'ns-run and its command');
        t.same(new Set(pids.map(stateOf)), new Set(['T']), `all are stopped the ${round} time`);
        await terminal.enter('fg');
        terminal.type(`${round}\n`);
        await terminal.shows(`got=${round}\n`);
      }
      terminal.type(CTRL_D);
      t.equal(await terminal.prints('echo $?'), '5');
    });

    test(`Ctrl-Z leaves ${name} alone that ignores it`, why, async (t, terminal) => {
      const script = 'trap "" TSTP; echo u""p; read x; read x; echo "got=$x"; exit 4';
      await terminal.enter(nsRun(options, `sh -c '${script}'`));
      await terminal.shows('up\n');
      terminal.type(`${CTRL_Z}one\ntwo\n`);
      t.notMatch((await terminal.shows(/[\s\S]*?got=two\n/))[0], 'Stopped');
      t.equal(await terminal.prints('echo $?'), '4');
    });
  }

  // dash on its way out fails to give the terminal back to a process group that it cannot see.
  const noBash = toolPath('bash') === null && 'there is no bash in PATH';
  const inner = 'bash --norc --noprofile --noediting -i';

  test('an interactive shell inside has job control of its own', noNewPid || noBash, async (t, terminal) => {
    await terminal.enter(nsRun([...NEW_PID, '-m', '--mount-proc', "--env 'PS1=[in]: '"], inner));
    await terminal.shows('[in]: ');
    terminal.type('echo pid=$$\n');
    await terminal.shows('pid=1\n');
    await terminal.shows('[in]: ');
    terminal.type('cat\n');
    // What cat says after the terminal's own echo shows that it runs in the foreground.
    terminal.type('here\n');
    await terminal.shows('here\nhere\n');
    terminal.type(CTRL_Z);
    await terminal.shows(/Stopped/);
    await terminal.shows('[in]: ');
    terminal.type('fg\n');
    await terminal.shows('\ncat\n');
    terminal.type('there\n');
    await terminal.shows('there\nthere\n');
    terminal.type(CTRL_C);
    await terminal.shows('[in]: ');
    terminal.type('echo "<$?>"\n');
    await terminal.shows('<130>\n');
    await terminal.shows('[in]: ');
    terminal.type('exit 9\n');
    t.equal(await terminal.prints('echo $?'), '9');
  });

  test('ns-run stops when the command stops itself, and continues it', false, async (t, terminal) => {
    await terminal.enter(nsRun([], `sh -c 'kill -STOP $$; read x; echo "got=$x"; exit 3'`));
    await terminal.shows(/Stopped/);
    await terminal.enter('fg');
    terminal.type('on\n');
    await terminal.shows('got=on\n');
    t.equal(await terminal.prints('echo $?'), '3');
  });

  test(
    'a command in the background that reads the terminal stops, and ns-run with it',
    noNewPid,
    async (t, terminal) => {
      await terminal.enter(`${nsRun(NEW_PID, 'cat')} &`);
      while (!(await terminal.prints('jobs')).includes('Stopped')) await terminal.prints('sleep 0.1');
      await terminal.enter('fg');
      await terminal.shows(/ns-run.*\n/);
      terminal.type('typed\n');
      await terminal.shows('typed\ntyped\n');
      terminal.type(CTRL_D);
      t.equal(await terminal.prints('echo $?'), '0');
    },
  );

  test(
    'ns-run gives its command the terminal as it is, and leaves it as the command left it',
    false,
    async (t, terminal) => {
      await terminal.enter('stty rows 33 cols 77');
      t.equal(await terminal.prints(nsRun([], 'stty size')), '33 77');
      await terminal.enter(nsRun([], 'stty -echoctl'));
      t.match(await terminal.prints('stty -a'), /(?:^|\s)-echoctl\b/);
      const flags = 'grep flags: /proc/self/fdinfo/0';
      t.equal(await terminal.prints(nsRun([], flags)), await terminal.prints(flags), 'no O_NONBLOCK either');
    },
  );
}

t.test('--pty gives the command a terminal of its own, of the size of ns-run', { skip: noTerminal }, async (t) => {
  const terminal = new Terminal();
  t.teardown(() => terminal.close());
  const nsRun = [...NS_RUN, '--backend', 'ffi', '--pty'].join(' ');
  await terminal.enter('stty rows 33 cols 77');
  const before = await terminal.prints('stty -g');
  const tty = await terminal.prints('tty');
  t.equal(await terminal.prints(`${nsRun} stty size`), '33 77');
  t.not(await terminal.prints(`${nsRun} tty`), tty);
  await terminal.enter(`${nsRun} sh -c 'trap "exit 9" INT; echo u""p; while :; do sleep 0.05; done'`);
  await terminal.shows('up\n');
  terminal.type(CTRL_C);
  t.equal(await terminal.prints('echo $?'), '9');
  t.equal(await terminal.prints('stty -g'), before, 'and leaves the other one as it was');
});
