import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import t from 'tap';
import { countLeaks } from '../leaks.ts';

const ended = async (child: ChildProcess): Promise<void> => {
  child.kill('SIGKILL');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
};

t.test('countLeaks() finds nothing where nothing was left', async (t) => {
  const leaks = countLeaks();
  const child = spawn('true', { stdio: 'ignore' });
  await once(child, 'exit');
  t.same(await leaks(), []);
});

t.test('countLeaks() finds an open file descriptor', async (t) => {
  const leaks = countLeaks(50);
  const fd = openSync('/dev/null', 'r');
  t.teardown(() => closeSync(fd));
  t.match(await leaks(), [new RegExp(`^fds: ${fd} -> /dev/null$`)]);
});

t.test('countLeaks() finds a child that still runs', async (t) => {
  const leaks = countLeaks(50);
  const child = spawn('sleep', ['60'], { stdio: 'ignore' });
  t.teardown(() => ended(child));
  await once(child, 'spawn');
  t.match(await leaks(), [new RegExp(`^processes: ${child.pid} sleep `)]);
});

t.test('countLeaks() finds an orphan', async (t) => {
  const leaks = countLeaks(50);
  const child = spawn('sh', ['-c', 'sleep 60 >/dev/null 2>&1 & echo $!'], { stdio: ['ignore', 'pipe', 'ignore'] });
  const [pid] = (await once(child.stdout, 'data')).map((chunk) => Number(chunk));
  t.teardown(() => process.kill(pid ?? 0, 'SIGKILL'));
  await once(child, 'close');
  t.match(await leaks(), [new RegExp(`^processes: ${pid} sleep `)]);
});
