import { spawnSync } from 'node:child_process';
import t from 'tap';

// Workers that end while they use the library. A defect ends the whole process, so each is looked at in one of its own.

const door = JSON.stringify(new URL('../../lib/index.js', import.meta.url).href);

/** Runs a module whose `start` makes a Worker of a source that imports `spawn`. */
const inNode = (worker: string, main: string): { status: number | null; signal: string | null; stdout: string } => {
  const source = `
    import { readdirSync, readFileSync } from 'node:fs';
    import { Worker } from 'node:worker_threads';
    import { spawn } from ${door};
    const text = ${JSON.stringify(`import { spawn } from ${door};\n${worker}`)};
    const start = () => new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
    const spec = { backend: 'ffi', stdio: 'ignore' };
    ${main}
  `;
  const argv = ['--input-type=module', '-e', source];
  const { status, signal, stdout } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  return { status, signal, stdout };
};

t.test('a child is killed by a listener of exit that came after the spawn', async (t) => {
  const worker = `
    const child = (await spawn('sleep', ['1000'], { backend: 'ffi', stdio: 'ignore' }))._unsafeUnwrap();
    process.on('exit', () => console.log(child.kill('SIGKILL').isOk()));
    process.exit();
  `;
  t.same(inNode(worker, 'start();'), { status: 0, signal: null, stdout: 'true\n' });
});

t.test('a Worker that is terminated takes the memory of its programs with it', async (t) => {
  const worker = `
    import { parentPort } from 'node:worker_threads';
    (await (await spawn('true', [], { backend: 'ffi', stdio: 'ignore' }))._unsafeUnwrap().exit)._unsafeUnwrap();
    parentPort.postMessage('done');
    setInterval(() => {}, 1000);
  `;
  const main = `
    (await (await spawn('true', [], spec))._unsafeUnwrap().exit)._unsafeUnwrap();
    const runners = () =>
      readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => / r-xp 00000000 00:00 0 *$/.test(line)).join();
    const before = runners();
    for (let round = 0; round < 5; round += 1) {
      const one = start();
      await new Promise((resolve) => one.once('message', resolve));
      await one.terminate();
    }
    console.log(before !== '' && runners() === before);
  `;
  t.same(inNode(worker, main), { status: 0, signal: null, stdout: 'true\n' });
});

t.test('a Worker that has loaded ffi-rs itself ends as any other', async (t) => {
  const worker = `
    import { createRequire } from 'node:module';
    createRequire(${JSON.stringify(import.meta.url)})('ffi-rs');
    (await (await spawn('true', [], { backend: 'ffi', stdio: 'ignore' }))._unsafeUnwrap().exit)._unsafeUnwrap();
  `;
  t.same(inNode(worker, 'start();'), { status: 0, signal: null, stdout: '' });
});
