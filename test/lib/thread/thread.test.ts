import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { NamespaceWorker, openNamespace, run, setnsThread, unshareThread, withNetwork } from '../../../lib/index.ts';
import { watchLeaks } from '../../leaks.ts';
import { withoutRunner } from '../../without-runner.ts';

const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.js`, import.meta.url));

/** Runs a program in a network of its own, whose ports nobody else has, and reads the JSON that it prints. */
const reported = async (name: string): Promise<Record<string, unknown>> => {
  const [env = '', ...args] = withoutRunner(process.execPath, fixture(name));
  const ran = await withNetwork((net) => net.run(env, args, { timeoutMs: 30_000 }));
  const { status, stdout, stderr } = ran._unsafeUnwrap()._unsafeUnwrap();
  if (status.type !== 'exited' || status.code !== 0) throw new Error(`${name}: ${JSON.stringify(status)} ${stderr}`);
  return JSON.parse(stdout.toString()) as Record<string, unknown>;
};

const whyNot = (): string | false => {
  if (!existsSync('/proc/self/ns/user')) return 'this kernel has no user namespaces';
  const probe = spawnSync('unshare', ['-U', '-r', 'true'], { encoding: 'utf8' });
  return probe.status === 0 || probe.error !== undefined ? false : `no user namespaces here: ${probe.stderr.trim()}`;
};

const skip = whyNot();

(await run('true', []))._unsafeUnwrap();
watchLeaks(t);

t.test('NamespaceWorker: three servers on one port of one process, each with its own name', { skip }, async (t) => {
  const { reports, ids, own, outside, said, sameInode, exits, afterwards } = await reported('workers');
  const loud = 'ERR_OUTSIDE_NAMESPACES';
  const expected = (name: string) => ({
    data: { name },
    byAddress: name,
    byName: name,
    otherName: loud,
    lookup: loud,
    lookupAddress: 'done',
    readFile: loud,
    readFileCallback: loud,
    readFileSync: true,
    child: name,
  });
  t.strictSame(reports, ['a', 'b', 'c'].map(expected));
  t.equal(new Set([...(ids as number[]), own]).size, 4, 'four networks');
  t.equal(outside, 'ECONNREFUSED', 'from the network of the process the port refuses');
  t.equal(said, 'a', 'enter() starts a command in the namespaces of the thread');
  t.ok(sameInode, 'namespace() opens them');
  t.strictSame(exits, [0, 0, 0]);
  t.equal(afterwards, 'process-gone');
});

t.test('NamespaceWorker.moved says why a thread did not move, and its module is not loaded', { skip }, async (t) => {
  const { refused, shell } = await reported('failing');
  t.match(refused, { moved: { type: 'setup-failed', step: 'network', errno: 'ENETUNREACH' }, thrown: /route add/ });
  t.match(shell, { moved: { type: 'unsupported', backend: 'shell' } });
});

t.test('unshareThread() moves the calling thread alone, and setnsThread() brings it back', { skip }, async (t) => {
  const { moved, name, stayed, back, failed, leaked } = await reported('thread');
  t.strictSame([moved, name, back, leaked], [true, 'zion', true, 0]);
  t.ok(Number(stayed) > 0, 'other threads stayed');
  t.match(failed, { type: 'setup-failed', step: 'network', errno: 'ENETUNREACH' });
});

t.test('unshareThread() and setnsThread() refuse what breaks a thread, with the reason', async (t) => {
  for (const type of ['user', 'pid', 'time'] as const) {
    const error = unshareThread({ namespaces: [type] })._unsafeUnwrapErr();
    t.match(error, { type: 'unsupported', needs: /a process of/ });
    const handle = openNamespace({ path: `/proc/self/ns/${type}` })._unsafeUnwrap();
    t.match(setnsThread(handle)._unsafeUnwrapErr(), { type: 'unsupported', needs: /a process of/ });
    handle.close();
    t.match(setnsThread(handle)._unsafeUnwrapErr(), { type: 'invalid-option', option: 'handles' });
  }
});

t.test('unshareThread() and NamespaceWorker.create() refuse options that cannot be meant', async (t) => {
  for (const [option, spec] of [
    ['namespaces', {}],
    ['namespaces', { namespaces: [] }],
    ['namespaces[0]', { namespaces: ['nett'] }],
    ['hostname', { namespaces: ['net'], hostname: 'a' }],
    ['network', { namespaces: ['uts'], network: {} }],
    ['dns', { namespaces: ['net'], dns: 'quiet' }],
    ['fs', { namespaces: ['mnt'], fs: true }],
    ['backend', { namespaces: ['net'], backend: {} }],
    ['eval', { namespaces: ['net'], eval: true }],
  ] as const) {
    const created = NamespaceWorker.create('', spec as never);
    t.match(created._unsafeUnwrapErr(), { type: 'invalid-option', option });
    t.throws(() => new NamespaceWorker('', spec as never), { name: 'TypeError' });
    if (['dns', 'fs', 'backend', 'eval'].includes(option)) continue;
    t.match(unshareThread(spec as never)._unsafeUnwrapErr(), { type: 'invalid-option', option });
  }
});
