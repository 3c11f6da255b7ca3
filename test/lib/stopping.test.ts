import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { setupFailed } from '../../lib/errors.ts';
import { spawn } from '../../lib/spawn.ts';
import { watchStop } from '../../lib/stop.ts';
import { watchLeaks } from '../leaks.ts';
import { FakeBackend } from './fake-backend.ts';

watchLeaks(t);

const [SIGKILL, SIGTERM] = [9, 15];

const failure = setupFailed({
  backend: 'fake',
  step: 'cwd',
  syscall: 'chdir',
  call: 'chdir("/gone")',
  errno: 'ENOENT',
  namespaces: [],
  path: '/gone',
  diagnosis: null,
});

t.test('watchStop() tells nothing while nothing has come', async (t) => {
  const watch = watchStop({ timeoutMs: 60_000, signal: new AbortController().signal });
  t.equal(watch.stopped(null), null);
  watch.onStop(() => t.fail('nothing has come'));
  watch.release();
});

t.test('watchStop() acts at once when the reason has come already', async (t) => {
  const watch = watchStop({ signal: AbortSignal.abort('why') });
  let acted = 0;
  watch.onStop(() => {
    acted += 1;
  });
  t.equal(acted, 1);
  t.match(watch.stopped(null), { type: 'aborted', reason: 'why' });
  watch.release();
});

t.test('watchStop() keeps the first of two reasons, and acts once', async (t) => {
  const controller = new AbortController();
  const watch = watchStop({ timeoutMs: 1, signal: controller.signal });
  let acted = 0;
  watch.onStop(() => {
    acted += 1;
  });
  while (watch.stopped(null) === null) await sleep(1);
  controller.abort();
  t.equal(acted, 1);
  t.match(watch.stopped(null), { type: 'timed-out', timeoutMs: 1 });
  watch.release();
});

t.test('watchStop() forgets signal and clock when released', async (t) => {
  const controller = new AbortController();
  const watch = watchStop({ timeoutMs: 1, signal: controller.signal });
  watch.onStop(() => t.fail('it was released'));
  watch.release();
  controller.abort();
  await sleep(5);
  t.equal(watch.stopped(null), null);
});

t.test('spawn() launches nothing when its signal is aborted already', async (t) => {
  const fake = new FakeBackend();
  const result = await spawn('true', [], { backend: fake, signal: AbortSignal.abort('no') });
  t.match(result._unsafeUnwrapErr(), { type: 'aborted', reason: 'no', status: null });
  t.equal(fake.children.length, 0);
});

t.test('spawn() kills a half-made child with SIGKILL, whatever killSignal says', async (t) => {
  const fake = new FakeBackend({ startsAtOnce: false });
  const controller = new AbortController();
  const spawning = spawn('true', [], { backend: fake, signal: controller.signal, killSignal: 'SIGTERM' });
  await turn();
  controller.abort('enough');
  t.match((await spawning)._unsafeUnwrapErr(), { type: 'aborted', reason: 'enough' });
  t.same(fake.child.signals, [SIGKILL]);
});

t.test('spawn() says timed-out when its time ran out during the set-up', async (t) => {
  const fake = new FakeBackend({ startsAtOnce: false });
  const result = await spawn('true', [], { backend: fake, timeoutMs: 5 });
  t.match(result._unsafeUnwrapErr(), { type: 'timed-out', timeoutMs: 5, status: { type: 'killed' } });
  t.same(fake.child.signals, [SIGKILL]);
});

t.test('spawn() says timed-out, not what the kill made of the set-up', async (t) => {
  const fake = new FakeBackend({ startsAtOnce: false, diesOfSignals: false });
  const controller = new AbortController();
  const spawning = spawn('true', [], { backend: fake, signal: controller.signal });
  await turn();
  controller.abort();
  fake.child.fail(failure);
  t.match((await spawning)._unsafeUnwrapErr(), { type: 'aborted', status: null });
});

t.test('spawn() hands on what the backend says, with a diagnosis', async (t) => {
  const refusing = new FakeBackend({ refuses: failure });
  t.match((await spawn('true', [], { backend: refusing }))._unsafeUnwrapErr(), { type: 'setup-failed', step: 'cwd' });
  const fake = new FakeBackend({ startsAtOnce: false });
  const spawning = spawn('true', [], { backend: fake, namespaces: ['user', 'mnt'], mountProc: true });
  await turn();
  fake.child.fail({ ...failure, step: 'mount-proc', path: '/gone' });
  t.match((await spawning)._unsafeUnwrapErr(), {
    step: 'mount-proc',
    diagnosis: { cause: 'mount-point-missing' },
    message: /there is no directory \/gone/,
  });
});

t.test('Child.exit carries the status of a command that was stopped', async (t) => {
  const fake = new FakeBackend();
  const controller = new AbortController();
  const child = (
    await spawn('true', [], { backend: fake, signal: controller.signal, killSignal: 'SIGTERM' })
  )._unsafeUnwrap();
  controller.abort('done');
  t.match((await child.exit)._unsafeUnwrapErr(), { type: 'aborted', status: { type: 'killed', signal: 'SIGTERM' } });
  t.same(fake.child.signals, [SIGTERM]);
});

t.test('Child.exit is not undone by what comes after the end', async (t) => {
  const fake = new FakeBackend();
  const controller = new AbortController();
  const child = (await spawn('true', [], { backend: fake, signal: controller.signal, timeoutMs: 20 }))._unsafeUnwrap();
  fake.child.end(3 << 8);
  t.match((await child.exit)._unsafeUnwrap(), { type: 'exited', code: 3 });
  controller.abort();
  await sleep(40);
  t.same(fake.child.signals, [], 'the pid may be another process’s by now');
  t.match((await child.exit)._unsafeUnwrap(), { type: 'exited', code: 3 });
});

t.test('Child.exit says exit-lost when somebody else has waited', async (t) => {
  const fake = new FakeBackend();
  const child = (await spawn('true', [], { backend: fake }))._unsafeUnwrap();
  fake.child.lose();
  t.match((await child.exit)._unsafeUnwrapErr(), { type: 'exit-lost', pid: child.pid });
  t.match(child.kill()._unsafeUnwrapErr(), { type: 'signal-failed', errno: 'ESRCH' });
});

t.test('Child.kill() sends what it is told, and nothing after the end', async (t) => {
  const fake = new FakeBackend({ diesOfSignals: false });
  const child = (await spawn('true', [], { backend: fake, killSignal: 'SIGTERM' }))._unsafeUnwrap();
  t.ok(child.kill().isOk());
  t.ok(child.kill('SIGUSR1').isOk());
  t.same(fake.child.signals, [SIGTERM, 10]);
  t.match(child.kill('SIGNONE' as NodeJS.Signals)._unsafeUnwrapErr(), { type: 'signal-failed', errno: 'EINVAL' });
  fake.child.end(0);
  t.ok((await child.exit).isOk());
  t.match(child.kill()._unsafeUnwrapErr(), { type: 'signal-failed', errno: 'ESRCH' });
  t.same(fake.child.signals, [SIGTERM, 10]);
});

t.test('Child.ref() and Child.unref() reach the backend', async (t) => {
  const fake = new FakeBackend();
  const child = (await spawn('true', [], { backend: fake, timeoutMs: 60_000 }))._unsafeUnwrap();
  t.equal(child.unref(), child);
  t.equal(child.ref(), child);
  t.same(fake.child.refs, [false, true]);
  fake.child.end(0);
  t.ok((await child.exit).isOk());
});

t.test('Child disposes of its command and its streams', async (t) => {
  const fake = new FakeBackend();
  {
    await using child = (await spawn('true', [], { backend: fake, killSignal: 'SIGTERM' }))._unsafeUnwrap();
    t.equal(child.backend, 'fake');
  }
  t.same(fake.child.signals, [SIGKILL]);
  for (const stream of fake.child.stdio) t.equal(stream?.destroyed, true);
});

t.test('Child that has ended is disposed of without a signal', async (t) => {
  const fake = new FakeBackend();
  {
    await using child = (await spawn('true', [], { backend: fake }))._unsafeUnwrap();
    fake.child.end(0);
    t.ok((await child.exit).isOk());
  }
  t.same(fake.child.signals, []);
});
