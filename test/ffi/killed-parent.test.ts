import { spawn as spawnNode } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';

const door = new URL('../../lib/index.js', import.meta.url).href;

/** Processes with the mark in their environment, as `pid state name`. */
const marked = (mark: string): string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        if (!readFileSync(`/proc/${pid}/environ`, 'latin1').includes(mark)) return [];
        return [readFileSync(`/proc/${pid}/stat`, 'latin1').replace(/^(\d+) \((.*)\) (\S).*/s, '$1 $3 $2')];
      } catch {
        return [];
      }
    });

const SOURCE = `
  import { spawn } from ${JSON.stringify(door)};
  console.log('ready');
  const spec = { backend: 'ffi', stdio: 'ignore', mapRootUser: true, mountProc: true };
  const beside = ['user', 'pid', 'mnt', 'net'];
  const carried = [...beside, 'time'];
  const specOf = (index) => ({ ...spec, namespaces: index % 2 === 0 ? beside : carried });
  for (;;) await Promise.all(Array.from({ length: 50 }, (_, index) => spawn('true', [], specOf(index)).andThen((child) => child.exit)));
`;

t.test('kill -9 of a process that is spawning leaves no half-made child', async (t) => {
  for (let round = 0; round < 6; round += 1) {
    const mark = `NS_TEST_KILLED=${process.pid}-${round}`;
    const [name, value] = mark.split('=') as [string, string];
    const node = spawnNode(process.execPath, ['--input-type=module', '-e', SOURCE], {
      env: { ...process.env, [name]: value },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => node.stdout.once('data', resolve));
    await sleep(40 + round * 13);
    const gone = new Promise((resolve) => node.once('exit', resolve));
    node.kill('SIGKILL');
    await gone;
    let left = marked(mark);
    // What had got as far as its command runs to its end; what is stuck stays.
    for (let tries = 0; left.length > 0 && tries < 100; tries += 1) {
      await sleep(50);
      left = marked(mark);
    }
    t.same(left, [], `round ${round}`);
  }
});

const DYING = `
  import { spawn } from ${JSON.stringify(door)};
  console.log('ready');
  const inside = { namespaces: ['user', 'pid', 'mnt'], mapRootUser: true };
  // Straight, beside this process, in a carrier, below an init.
  const hosted = [{}, inside, { ...inside, umask: 0o22 }, { ...inside, init: true }];
  for (let count = 0; count < 60; count += 1) {
    const spec = { backend: 'ffi', stdio: 'ignore', dieWithParent: true, ...hosted[count % 4] };
    const spawned = spawn('sleep', ['100000'], spec);
    if (count % 5 === 0) await spawned;
  }
  setInterval(() => {}, 1 << 30);
`;

t.test('dieWithParent leaves no command, whenever the caller is killed', async (t) => {
  for (let round = 0; round < 8; round += 1) {
    const mark = `NS_TEST_DYING=${process.pid}-${round}`;
    const [name, value] = mark.split('=') as [string, string];
    const node = spawnNode(process.execPath, ['--input-type=module', '-e', DYING], {
      env: { ...process.env, [name]: value },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await new Promise((resolve) => node.stdout.once('data', resolve));
    await sleep(round * 9);
    const gone = new Promise((resolve) => node.once('exit', resolve));
    node.kill('SIGKILL');
    await gone;
    let left = marked(mark);
    for (let tries = 0; left.length > 0 && tries < 100; tries += 1) {
      await sleep(20);
      left = marked(mark);
    }
    t.same(left, [], `round ${round}`);
    for (const line of left) process.kill(Number(line.split(' ')[0]), 'SIGKILL');
  }
});
