import { execFileSync, spawnSync } from 'node:child_process';
import t from 'tap';
import { ffiCalls } from '../../backends/ffi/native.ts';
import { explain, run, type SpawnSpec, spawn } from '../../lib/index.ts';
import { unmet } from '../contract/caller.ts';
import { watchLeaks } from '../leaks.ts';

// Children that are set up in the memory of this process while it goes on.

watchLeaks(t);

const skip = unmet('user-namespaces') ?? false;
const inside: SpawnSpec = { backend: 'ffi', namespaces: ['user', 'pid', 'mnt', 'net'], mapRootUser: true };
const door = new URL('../../lib/index.js', import.meta.url).href;

t.test('explain() tells that a child is set up beside Node', { skip }, async (t) => {
  t.match(explain('true', [], inside)._unsafeUnwrap(), /host: no carrier: a child beside Node\.js/);
  t.match(explain('true', [], { ...inside, umask: 0 })._unsafeUnwrap(), /host: a sealed memfd/);
});

t.test('spawn() gives the environment of the moment that it is called in', { skip }, async (t) => {
  for (let round = 0; round < 20; round += 1) {
    process.env['NS_TEST_MOMENT'] = `before ${round}`;
    const running = run('sh', ['-c', 'echo $NS_TEST_MOMENT'], inside);
    process.env['NS_TEST_MOMENT'] = 'after';
    for (let more = 0; more < 50; more += 1) process.env[`NS_TEST_MOMENT_${more}`] = 'x'.repeat(1_000);
    t.equal(String((await running)._unsafeUnwrap().stdout), `before ${round}\n`);
    for (let more = 0; more < 50; more += 1) delete process.env[`NS_TEST_MOMENT_${more}`];
  }
  delete process.env['NS_TEST_MOMENT'];
});

t.test('spawn() passes on an environment that is no text', { skip }, async (t) => {
  const source = `
    import { run } from ${JSON.stringify(door)};
    const result = await run('printenv', ['NS_TEST_BYTES'], ${JSON.stringify(inside)});
    console.log(result._unsafeUnwrap().stdout.toString('hex'));
  `;
  const script = 'NS_TEST_BYTES=$(printf "\\377a") exec "$@"';
  const argv = ['-c', script, 'sh', process.execPath, '--input-type=module', '-e', source];
  t.equal(execFileSync('sh', argv, { encoding: 'utf8' }), 'ff610a\n');
});

t.test('spawn() gives each of many children at once memory of its own', { skip }, async (t) => {
  for (let burst = 0; burst < 3; burst += 1) {
    // The same commands again and again: their compiled programs are found again, and must not be in use.
    const running = Array.from({ length: 150 }, (_, index) =>
      run('sh', ['-c', 'read line; echo $$ $line $0', String(index % 3)], { ...inside, stdin: `line ${index}` }),
    );
    for (const [index, result] of (await Promise.all(running)).entries()) {
      t.equal(String(result._unsafeUnwrap().stdout), `1 line ${index} ${index % 3}\n`);
    }
  }
});

t.test('spawn() keeps apart what is done beside Node and in carriers at the same time', { skip }, async (t) => {
  for (let burst = 0; burst < 3; burst += 1) {
    const running = Array.from({ length: 60 }, (_, index) =>
      run('sh', ['-c', `echo ${index}`], { ...inside, ...(index % 2 === 0 ? {} : { umask: 0o22 }) }),
    );
    for (const [index, result] of (await Promise.all(running)).entries()) {
      t.equal(String(result._unsafeUnwrap().stdout), `${index}\n`);
    }
  }
});

t.test('spawn() costs one call, and the caller goes on while the child is set up', { skip }, async (t) => {
  (await run('true', [], inside))._unsafeUnwrap();
  const before = ffiCalls.count;
  const spawned = spawn('true', [], { ...inside, stdio: 'ignore' });
  t.equal(ffiCalls.count - before, 1);
  (await (await spawned)._unsafeUnwrap().exit)._unsafeUnwrap();
});

t.test('a child that is killed while it is set up takes nothing with it', { skip }, async (t) => {
  // No pid namespace: its pid 1 would not hear SIGQUIT.
  const spec: SpawnSpec = { ...inside, namespaces: ['user', 'mnt', 'net'], stdio: 'ignore' };
  const source = `
    import { readdirSync } from 'node:fs';
    import { openBackend, spawn } from ${JSON.stringify(door)};
    process.on('SIGQUIT', () => console.log('a handler ran'));
    const ends = new Set();
    for (let round = 0; round < 60; round += 1) {
      const abort = new AbortController();
      const spec = { ...${JSON.stringify(spec)}, signal: abort.signal, killSignal: round % 2 ? 'SIGQUIT' : 'SIGKILL' };
      const spawned = spawn('sleep', ['1000'], spec);
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      abort.abort();
      const child = await spawned;
      const end = child.isErr() ? child : await child.value.exit;
      ends.add(end.isErr() ? end.error.type : end.value.type);
    }
    console.log(JSON.stringify([...ends].sort()));
  `;
  const argv = ['-c', 'ulimit -c unlimited; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', source];
  const done = spawnSync('sh', argv, { encoding: 'utf8', cwd: t.testdir({}) });
  t.equal(done.stderr, '');
  t.equal(done.status, 0);
  t.match(JSON.parse(done.stdout), [/^(aborted|killed)$/]);
});
