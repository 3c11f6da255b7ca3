import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { openBackend, watchNetwork } from '../../../lib/index.ts';
import { toolPath, unmet } from '../../contract/caller.ts';
import { watchLeaks } from '../../leaks.ts';
import { withoutRunner } from '../../without-runner.ts';

const program = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const isRoot = process.geteuid?.() === 0;

const reported = async (asUser: boolean, backend: string): Promise<unknown> => {
  const dropped = asUser ? [program('../../contract/as-ordinary-user.js')] : [];
  const [env = '', ...args] = withoutRunner(process.execPath, ...dropped, program('./fixtures/watch.js'), backend);
  const child = spawn(env, args, { stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000 });
  let text = '';
  child.stdout.on('data', (data: Buffer) => {
    text += data.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`The program ended with ${code}: ${text}`);
  return text.startsWith('1..0 # SKIP') ? text : JSON.parse(text);
};

const expected = (backend: string) => ({
  made: ['address-added 10.1.1.1/24 e0', 'link-added e0', 'link-added e1', 'route-added 10.1.1.0/24 null e0'],
  added: ['route-added 10.9.0.0/16 10.1.1.3 e0'],
  replaced: ['route-removed 10.9.0.0/16 10.1.1.3 e0', 'route-added 10.9.0.0/16 10.1.1.4 e0'],
  silent: ['route-removed 10.1.1.0/24 null e0', 'route-removed 10.9.0.0/16 10.1.1.4 e0'],
  removed: ['address-removed 10.1.1.1/24 e0', 'link-added last', 'link-removed e0', 'link-removed e1'],
  same: true,
  flooded: backend === 'ffi' ? ['overrun', 2_400, true] : 'not asked',
  aborted: 0,
  closed: true,
  unheard: 'aborted',
  leakedFds: 0,
});

watchLeaks(t);

for (const backend of ['ffi', 'shell'] as const) {
  const skip =
    unmet('link:veth') ??
    unmet('link:bridge') ??
    (toolPath('ip') === null ? 'there is no ip in PATH' : null) ??
    openBackend(backend).match(
      () => false as const,
      ({ message }) => message,
    );
  t.test(
    `watchNetwork() tells what changes, as root, on ${backend}`,
    { skip: isRoot ? skip : 'needs root' },
    async (t) => t.strictSame(await reported(false, backend), expected(backend)),
  );
  t.test(
    `watchNetwork() tells what changes, as an ordinary user, on ${backend}`,
    { skip: skip || (unmet('user-namespaces') ?? false) },
    async (t) => {
      const report = await reported(isRoot, backend);
      if (typeof report === 'string') t.comment(report);
      else t.strictSame(report, expected(backend));
    },
  );
}

const notFfi = openBackend('ffi').match(
  () => false as const,
  ({ message }) => message,
);

const relays = (): number[] =>
  readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid))
    .filter((pid) => {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
        return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1] === String(process.pid);
      } catch {
        return false;
      }
    })
    .map(Number);

t.test('watchNetwork() says when its process was killed, and ends', { skip: notFfi }, async (t) => {
  const before = relays();
  const watcher = (await watchNetwork(undefined, { backend: 'ffi' }))._unsafeUnwrap();
  const [relay = 0] = relays().filter((pid) => !before.includes(pid));
  process.kill(relay, 'SIGKILL');
  const events = [];
  for await (const event of watcher) if (event.type === 'failed') events.push(event.error.type);
  t.strictSame(events, ['watch-ended']);
});

t.test('watchNetwork() leaves no process when the caller is killed', { skip: notFfi }, async (t) => {
  const door = new URL('../../../lib/index.js', import.meta.url).href;
  const source = `
    import { watchNetwork } from ${JSON.stringify(door)};
    (await watchNetwork(undefined, { backend: 'ffi' }))._unsafeUnwrap();
    console.log((await import('node:fs')).readFileSync('/proc/self/task/' + process.pid + '/children', 'utf8'));
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  const relay = said.toString().trim();
  t.match(relay, /^\d+$/);
  child.kill('SIGKILL');
  await once(child, 'close');
  for (let tries = 0; tries < 500 && existsSync(`/proc/${relay}`); tries += 1) await sleep(10);
  t.notOk(existsSync(`/proc/${relay}`));
});

t.test('watchNetwork() refuses what cannot be meant, by its name', async (t) => {
  for (const [option, spec] of [
    ['spec', null],
    ['signal', { signal: 'now' }],
  ] as const) {
    t.match((await watchNetwork(undefined, spec as never))._unsafeUnwrapErr(), { type: 'invalid-option', option });
  }
});
