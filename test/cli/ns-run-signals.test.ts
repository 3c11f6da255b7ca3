import t, { type Test } from 'tap';
import { watchLeaks } from '../leaks.ts';
import { BACKENDS, NEW_PID, noNewPid, Running, stateOf, until } from './running.ts';

t.setTimeout(120_000);
watchLeaks(t);

/** Says that it is up, and goes on until a signal ends it. */
const WAIT = 'echo up; while sleep 0.02; do :; done';
const trapping = (signal: string, then: string): string => `trap '${then}' ${signal}; ${WAIT}`;

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
      const running = await up(...on, 'sh', '-c', trapping(signal.slice(3), 'echo got; exit 9'));
      running.kill(signal);
      t.match(await running.ended, { code: 9, signal: null, out: /got/ }, signal);
    }
  });

  test('ns-run exits with 143 when SIGTERM killed its command', false, async (t) => {
    const running = await up(...on, 'sh', '-c', WAIT);
    running.kill('SIGTERM');
    t.match(await running.ended, { code: 143, signal: null, out: 'up\n' });
  });

  test('ns-run hands signals to a pid 1 that handles them', noNewPid, async (t) => {
    const running = await up(...on, ...NEW_PID, 'sh', '-c', trapping('TERM', 'echo got; exit 9'));
    running.kill('SIGTERM');
    t.match(await running.ended, { code: 9, out: /got/ });
  });

  test('ns-run ends a pid 1 that the kernel keeps the signal from', noNewPid, async (t) => {
    for (const [signal, code] of [
      ['SIGTERM', 143],
      ['SIGHUP', 129],
      ['SIGUSR1', 138],
    ] as const) {
      const running = await up(...on, ...NEW_PID, 'sh', '-c', WAIT);
      running.kill(signal);
      t.match(await running.ended, { code, signal: null }, signal);
    }
  });

  test('ns-run leaves a pid 1 alone that ignores the signal', noNewPid, async (t) => {
    const script = `trap '' TERM; trap 'echo second; exit 8' USR1; ${WAIT}`;
    const running = await up(...on, ...NEW_PID, 'sh', '-c', script);
    running.kill('SIGTERM');
    running.kill('SIGUSR1');
    t.match(await running.ended, { code: 8, out: 'up\nsecond\n' });
  });

  test('ns-run keeps SIGINT and SIGQUIT that no terminal sent to itself', false, async (t) => {
    const script = `trap 'echo int' INT; trap 'echo quit' QUIT; trap 'exit 6' TERM; ${WAIT}`;
    const running = await up(...on, 'sh', '-c', script);
    running.kill('SIGINT');
    running.kill('SIGQUIT');
    running.kill('SIGTERM');
    t.match(await running.ended, { code: 6, out: 'up\n' });
  });

  test('ns-run --forward-signals hands on SIGINT', false, async (t) => {
    const running = await up(...on, '--forward-signals', 'sh', '-c', trapping('INT', 'echo got; exit 7'));
    running.kill('SIGINT');
    t.match(await running.ended, { code: 7, out: /got/ });
  });

  test('ns-run dies of SIGINT when its command did', false, async (t) => {
    const running = await up(...on, '--forward-signals', 'sh', '-c', WAIT);
    running.kill('SIGINT');
    t.match(await running.ended, { code: 130, signal: 'SIGINT' });
  });

  test('ns-run --kill-child takes the command along when it is killed', false, async (t) => {
    for (const [option, ending] of [
      ['--kill-child', ''],
      ['--kill-child=TERM', "trap 'echo term; exit' TERM; "],
    ] as const) {
      const running = new Running(...on, option, 'sh', '-c', `${ending}echo $$; ${WAIT}`);
      const pid = Number((await running.wrote(/^(\d+)\nup\n/))[1]);
      running.kill('SIGKILL');
      const { out, signal } = await running.ended;
      t.equal(signal, 'SIGKILL');
      // It may stay as a zombie where nobody reaps orphans.
      await until(() => stateOf(pid) === null || stateOf(pid) === 'Z');
      t.equal(out.includes('term'), ending !== '', option);
    }
  });

  test('ns-run without --kill-child leaves the command behind when it is killed', false, async (t) => {
    const running = new Running(...on, 'sh', '-c', `echo $$; trap 'exit' TERM; ${WAIT}`);
    const pid = Number((await running.wrote(/^(\d+)\nup\n/))[1]);
    running.kill('SIGKILL');
    await new Promise((resolve) => running.process.once('exit', resolve));
    t.ok(stateOf(pid) !== null && stateOf(pid) !== 'Z', 'it runs on');
    process.kill(pid, 'SIGTERM');
    await until(() => stateOf(pid) === null || stateOf(pid) === 'Z');
  });

  test('ns-run --timeout kills the command and exits with 124', false, async (t) => {
    const { code, out } = await new Running(...on, '--timeout', '100ms', 'sh', '-c', `trap '' TERM; ${WAIT}`).ended;
    t.equal(code, 124);
    t.match(out, /ns-run: Timed out after 100 ms\n$/);
  });
}
