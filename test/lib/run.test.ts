import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import t from 'tap';
import { run } from '../../lib/run.ts';
import { spawn } from '../../lib/spawn.ts';
import { watchLeaks } from '../leaks.ts';
import { FakeBackend, type FakeChild } from './fake-backend.ts';

watchLeaks(t);

/** Writes as the command would. */
const say = (child: FakeChild, fd: 1 | 2, chunk: Buffer | string): void => {
  (child.stdio[fd] as Writable | null)?.write(chunk);
};

t.test('run() collects both streams and the status, whatever the chunks are', async (t) => {
  const chunks = fc.array(
    fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
    { maxLength: 10 },
  );
  await fc.assert(
    fc.asyncProperty(chunks, chunks, fc.integer({ min: 0, max: 255 }), async (out, errors, code) => {
      const fake = new FakeBackend();
      const running = run('cmd', [], { backend: fake });
      await turn();
      for (const chunk of out) say(fake.child, 1, chunk);
      for (const chunk of errors) say(fake.child, 2, chunk);
      fake.child.end(code << 8);
      const { status, stdout, stderr } = (await running)._unsafeUnwrap();
      return (
        status.type === 'exited' &&
        status.code === code &&
        stdout.equals(Buffer.concat(out)) &&
        stderr.equals(Buffer.concat(errors))
      );
    }),
    { numRuns: 100 },
  );
  t.pass('for 100 commands');
});

t.test('run() gives an empty stdin, or what it is given', async (t) => {
  const quiet = new FakeBackend();
  const without = run('cmd', [], { backend: quiet });
  await turn();
  t.same(quiet.child.plan.stdio, [{ type: 'ignore' }, { type: 'pipe' }, { type: 'pipe' }]);
  quiet.child.end(0);
  t.ok((await without).isOk());
  const fed = new FakeBackend();
  const running = run('cmd', [], { backend: fed, stdin: 'hello' });
  await turn();
  t.equal(await text(fed.child.stdio[0] as unknown as NodeJS.ReadableStream), 'hello');
  fed.child.end(0);
  t.ok((await running).isOk());
});

t.test('run() takes exactly maxOutputBytes of each stream', async (t) => {
  const fake = new FakeBackend();
  const running = run('cmd', [], { backend: fake, maxOutputBytes: 4 });
  await turn();
  say(fake.child, 1, 'ab');
  say(fake.child, 1, 'cd');
  say(fake.child, 2, 'abcd');
  fake.child.end(0);
  const { stdout, stderr } = (await running)._unsafeUnwrap();
  t.same([String(stdout), String(stderr)], ['abcd', 'abcd']);
});

for (const [fd, stream] of [
  [1, 'stdout'],
  [2, 'stderr'],
] as const) {
  t.test(`run() kills a command that writes more than maxOutputBytes to ${stream}`, async (t) => {
    const fake = new FakeBackend();
    const running = run('cmd', [], { backend: fake, maxOutputBytes: 4, killSignal: 'SIGTERM' });
    await turn();
    say(fake.child, fd, 'abcde');
    t.match((await running)._unsafeUnwrapErr(), {
      type: 'output-limit',
      stream,
      maxOutputBytes: 4,
      status: { type: 'killed', signal: 'SIGKILL' },
    });
    t.same(fake.child.signals, [9]);
  });
}

t.test('run() with maxOutputBytes 0 allows silence alone', async (t) => {
  const silent = new FakeBackend();
  const running = run('cmd', [], { backend: silent, maxOutputBytes: 0 });
  await turn();
  silent.child.end(0);
  t.ok((await running).isOk());
  const talking = new FakeBackend();
  const refused = run('cmd', [], { backend: talking, maxOutputBytes: 0 });
  await turn();
  say(talking.child, 1, 'a');
  t.match((await refused)._unsafeUnwrapErr(), { type: 'output-limit' });
});

t.test('run() says timed-out and aborted as spawn() does', async (t) => {
  const slow = new FakeBackend();
  t.match((await run('cmd', [], { backend: slow, timeoutMs: 5 }))._unsafeUnwrapErr(), {
    type: 'timed-out',
    status: { type: 'killed' },
  });
  const controller = new AbortController();
  const fake = new FakeBackend();
  const running = run('cmd', [], { backend: fake, signal: controller.signal });
  await turn();
  controller.abort('why');
  t.match((await running)._unsafeUnwrapErr(), { type: 'aborted', reason: 'why' });
});

t.test('run() ends when its time does, though a process left behind holds the pipes', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-run-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const controller = new AbortController();
  for (const [spec, type] of [
    [{ timeoutMs: 1000 }, 'timed-out'],
    [{ signal: controller.signal }, 'aborted'],
  ] as const) {
    const file = join(dir, type);
    const running = run('sh', ['-c', 'sleep 300 & echo $! >"$0.new"; mv "$0.new" "$0"', file], spec);
    let hasEnded = false;
    const ended = running.orTee(() => {
      hasEnded = true;
    });
    while (!existsSync(file) && !hasEnded) await sleep(5);
    if (type === 'aborted') controller.abort();
    t.match((await ended)._unsafeUnwrapErr(), { type });
    // On a machine that is slower than the time there is nobody left behind.
    if (existsSync(file)) process.kill(Number(readFileSync(file, 'utf8')), 'SIGKILL');
  }
});

t.test('run() waits for what a process left behind has to say', async (t) => {
  const result = await run('sh', ['-c', '(sleep 0.1; echo later) & echo now']);
  t.equal(String(result._unsafeUnwrap().stdout), 'now\nlater\n');
});

t.test('spawn() feeds stdin, and is not hurt by a command that does not read it', async (t) => {
  const child = (
    await spawn('true', [], { stdin: 'x'.repeat(1_000_000), stdio: ['pipe', 'ignore', 'ignore'] })
  )._unsafeUnwrap();
  t.match((await child.exit)._unsafeUnwrap(), { type: 'exited', code: 0 });
});
