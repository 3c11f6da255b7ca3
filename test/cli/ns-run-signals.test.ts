import t, { type Test } from 'tap';
import { watchLeaks } from '../leaks.ts';
import { BACKENDS, descendants, HANDLER, isGone, NEW_PID, noNewPid, Running, until } from './running.ts';

t.setTimeout(120_000);
watchLeaks(t);

/** Says that it is up, and leaves every signal to its default. */
const SLEEP = ['sh', '-c', 'echo up; exec sleep 60'] as const;

const up = async (...argv: string[]): Promise<Running> => {
  const running = new Running(...argv);
  await running.wrote(/up\n/);
  return running;
};

for (const { backend, skip } of BACKENDS) {
  const test = (title: string, why: string | false, body: (t: Test) => Promise<void>): void => {
    t.test(`${title}, on ${backend}`, { skip: skip || why }, body);
  };
  const on = ['--backend', backend];

  test('ns-run outlives its command and hands it SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2', false, async (t) => {
    for (const signal of ['SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const) {
      const running = await up(...on, ...HANDLER, `${signal}=9`);
      running.kill(signal);
      t.match(await running.ended, { code: 9, signal: null, out: `up\ngot ${signal}\n` }, signal);
    }
  });

  test('ns-run exits with 143 when SIGTERM killed its command', false, async (t) => {
    const running = await up(...on, ...SLEEP);
    running.kill('SIGTERM');
    t.match(await running.ended, { code: 143, signal: null, out: 'up\n' });
  });

  test('ns-run hands signals to a pid 1 that handles them', noNewPid, async (t) => {
    const running = await up(...on, ...NEW_PID, ...HANDLER, 'SIGTERM=9');
    running.kill('SIGTERM');
    t.match(await running.ended, { code: 9, out: 'up\ngot SIGTERM\n' });
  });

  test('ns-run ends a pid 1 that the kernel keeps the signal from', noNewPid, async (t) => {
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGUSR1', 138],
    ] as const) {
      const running = await up(...on, ...NEW_PID, ...SLEEP);
      running.kill(signal);
      t.match(await running.ended, { code, signal: null }, signal);
    }
  });

  test('ns-run leaves a pid 1 alone that ignores the signal', noNewPid, async (t) => {
    const running = await up(...on, ...NEW_PID, 'sh', '-c', `trap '' TERM; ${SLEEP[2]}`);
    running.kill('SIGTERM');
    running.kill('SIGUSR1');
    t.match(await running.ended, { code: 138 }, 'the second one ended it');
  });

  test('ns-run keeps SIGINT and SIGQUIT that no terminal sent to itself', false, async (t) => {
    const running = await up(...on, ...HANDLER, 'SIGINT=', 'SIGQUIT=', 'SIGTERM=6');
    running.kill('SIGINT');
    running.kill('SIGQUIT');
    running.kill('SIGTERM');
    t.match(await running.ended, { code: 6, out: 'up\ngot SIGTERM\n' });
  });

  test('ns-run --forward-signals hands on SIGINT', false, async (t) => {
    const running = await up(...on, '--forward-signals', ...HANDLER, 'SIGINT=9');
    running.kill('SIGINT');
    t.match(await running.ended, { code: 9, out: 'up\ngot SIGINT\n' });
  });

  test('ns-run dies of SIGINT when its command did', false, async (t) => {
    const running = await up(...on, '--forward-signals', ...SLEEP);
    running.kill('SIGINT');
    t.match(await running.ended, { code: 130, signal: 'SIGINT' });
  });

  test('ns-run --kill-child takes the command along when it is killed', false, async (t) => {
    for (const [option, said] of [
      ['--kill-child', ''],
      ['--kill-child=TERM', 'got SIGTERM\n'],
    ] as const) {
      const running = await up(...on, option, ...HANDLER, 'SIGTERM=1');
      const pids = descendants(running.process.pid ?? 0);
      t.not(pids.length, 0);
      running.kill('SIGKILL');
      t.match(await running.ended, { signal: 'SIGKILL', out: `up\n${said}` }, option);
      // It may stay as a zombie where nobody reaps orphans.
      await until(() => pids.every(isGone));
    }
  });

  test('ns-run without --kill-child leaves the command behind when it is killed', false, async (t) => {
    const running = await up(...on, ...HANDLER, 'SIGUSR1=0');
    const pids = descendants(running.process.pid ?? 0);
    running.kill('SIGKILL');
    await new Promise((resolve) => running.process.once('exit', resolve));
    const left = pids.filter((pid) => !isGone(pid));
    t.not(left.length, 0, 'it runs on');
    for (const pid of left) process.kill(pid, 'SIGUSR1');
    t.match(await running.ended, { out: 'up\ngot SIGUSR1\n' });
    await until(() => pids.every(isGone));
  });

  test('ns-run --timeout kills the command and exits with 124', false, async (t) => {
    const { code, out } = await new Running(...on, '--timeout', '100ms', ...SLEEP).ended;
    t.equal(code, 124);
    t.match(out, /ns-run: Timed out after 100 ms\n$/);
  });
}
