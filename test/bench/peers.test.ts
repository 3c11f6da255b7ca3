import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { PEER_NAMES } from '../../bench/cases/case.ts';
import { answeringSampler, readInside, readOutside } from '../../bench/measure/peers/answering.ts';
import { bwrapSampler } from '../../bench/measure/peers/bwrap.ts';
import { findProgram } from '../../bench/measure/peers/find.ts';
import { startLineServer } from '../../bench/measure/peers/line-server.ts';
import { ociConfig, ociSamplers } from '../../bench/measure/peers/oci.ts';
import { openPeers } from '../../bench/measure/peers/open-peers.ts';
import type { NamespaceType } from '../../lib/index.ts';
import { countLeaks } from '../leaks.ts';

const target = (namespaces: readonly NamespaceType[] = [], command = '/bin/true') => ({
  command,
  args: [],
  namespaces,
});
const sampled = (sampler: ReturnType<typeof bwrapSampler>) => sampler(() => undefined);

t.test('startLineServer() answers a line with a line, and says how it ended', async (t) => {
  const leaks = countLeaks();
  const cat = startLineServer('/bin/cat', []);
  t.equal((await cat.ask('40000000 /bin/true'))._unsafeUnwrap(), '40000000 /bin/true');
  await cat.end();
  t.match((await cat.ask('x'))._unsafeUnwrapErr(), 'SIGKILL');
  const gone = startLineServer('/bin/sh', ['-c', 'read line; exit 7']);
  t.match((await gone.ask('x'))._unsafeUnwrapErr(), 'exit code 7');
  const absent = startLineServer('/nonexistent/peer', []);
  t.match((await absent.ask('x'))._unsafeUnwrapErr(), 'ENOENT');
  await Promise.all([gone.end(), absent.end()]);
  t.same(await leaks(), []);
});

/** A peer that answers with what it is told. */
const answering = async (answer: string, reading = readOutside(['time']), of = target()) => {
  const server = startLineServer('/bin/sh', ['-c', 'while read line; do echo "$0"; done', answer]);
  const result = await sampled(answeringSampler(server, of, reading));
  await server.end();
  return result;
};

t.test('answeringSampler() reads numbers, and refuses everything else', async (t) => {
  t.same((await answering('100 2000'))._unsafeUnwrap(), { blockedNs: 100, exitKnownNs: 2000 });
  t.same((await answering('50 100 2000', readInside))._unsafeUnwrap(), { cloneNs: 100, totalNs: 2000 });
  t.match((await answering('error clone3 1'))._unsafeUnwrapErr(), { type: 'peer-failed', message: 'clone3 1' });
  t.match((await answering('hello'))._unsafeUnwrapErr(), { message: 'it answered "hello"' });
  const cannot = await answering('1 2', readOutside(['time']), target(['time', 'uts']));
  t.match(cannot._unsafeUnwrapErr(), { type: 'unsupported', message: 'it cannot make time' });
  const relative = await answering('1 2', readOutside([]), target([], 'true'));
  t.match(relative._unsafeUnwrapErr(), { type: 'unsupported', message: /absolute path/ });
});

t.test('bwrapSampler() refuses sets that bwrap has not', async (t) => {
  t.match((await sampled(bwrapSampler(target())))._unsafeUnwrapErr(), { type: 'unsupported', message: /mount/ });
  t.match((await sampled(bwrapSampler(target(['mnt', 'time']))))._unsafeUnwrapErr(), {
    message: 'it cannot make time',
  });
});

t.test('openPeers() measures what is here, says why the rest is not, and leaves nothing', async (t) => {
  const leaks = countLeaks();
  // Building a Go program for the first time takes longer than a test should.
  const { present, absent, close } = await openPeers(PEER_NAMES.filter((name) => name !== 'go'));
  t.same([...present, ...absent].map(({ name }) => name).sort(), ['bwrap', 'c', 'crun', 'python3', 'runc']);
  for (const { name, reason } of absent) t.match(reason, /was not found$/, name);
  for (const { name, line, samplerOf } of present) {
    t.ok(line.length > 3, line);
    if (name === 'bwrap' || name === 'crun' || name === 'runc') continue;
    const sample = (await sampled(samplerOf(target())))._unsafeUnwrap();
    const [first = 0, second = 0] = Object.values(sample);
    t.ok(first > 0 && second > first, `${name}: ${JSON.stringify(sample)}`);
    const failed = (await sampled(samplerOf(target([], '/nonexistent'))))._unsafeUnwrapErr();
    t.equal(failed.type, 'peer-failed', name);
  }
  await close();
  t.same(await leaks(), []);
});

t.test('findProgram() searches PATH', async (t) => {
  t.ok(existsSync(findProgram('sh') ?? ''));
  t.equal(findProgram('no-such-program'), null);
});

t.test('ociConfig() asks for the namespaces of the set, and for little else', async (t) => {
  const config = ociConfig({ command: '/bin/echo', args: ['hello'], namespaces: ['mnt', 'net'] }, ['usr', 'proc']);
  t.match(config, {
    process: { args: ['/bin/echo', 'hello'], terminal: false },
    root: { path: 'rootfs', readonly: true },
    mounts: [
      { destination: '/usr', source: '/usr', options: ['rbind', 'ro'] },
      { destination: '/proc', options: ['rbind'] },
    ],
    linux: { namespaces: [{ type: 'mount' }, { type: 'network' }] },
  });
  t.notMatch(JSON.stringify(config), /uidMappings/);
  const withUser = ociConfig(target(['user', 'mnt']), []);
  const mapping = (hostID: number | undefined) => [{ containerID: 0, hostID, size: 1 }];
  t.match(withUser, {
    linux: { uidMappings: mapping(process.geteuid?.()), gidMappings: mapping(process.getegid?.()) },
  });
});

/** A container runtime as far as a sampler knows one, in a directory of its own. */
const fakeRuntime = (script: string) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-bench-oci-'));
  const file = join(dir, 'fake');
  writeFileSync(file, `#!/bin/sh\n${script}`, { mode: 0o755 });
  return { dir, file, remove: () => rmSync(dir, { recursive: true }) };
};

t.test('ociSamplers() runs a bundle that is like the host, and makes it once', async (t) => {
  const { dir, file, remove } = fakeRuntime(
    'echo "$@" >> "$2.argv"; cat "$5/config.json" > "$2.json"; ls "$5/rootfs" > "$2.ls"',
  );
  const sampler = ociSamplers(file, dir)(target(['mnt', 'pid']));
  for (const _ of ['once', 'twice']) t.ok((await sampled(sampler))._unsafeUnwrap()['exitKnownNs']);
  const [first, second] = readFileSync(join(dir, 'state.argv'), 'utf8').trim().split('\n');
  t.match(first, new RegExp(`^--root ${dir}/state run --bundle ${dir}/(\\S+) \\1$`));
  t.equal(second, first, 'nothing of the first one is left that could be in the way');
  t.match(JSON.parse(readFileSync(join(dir, 'state.json'), 'utf8')), { process: { args: ['/bin/true'] } });
  const root = readFileSync(join(dir, 'state.ls'), 'utf8').split('\n');
  for (const name of ['bin', 'dev', 'etc', 'proc', 'usr']) t.ok(root.includes(name), name);
  remove();
  t.match((await sampled(ociSamplers(file, dir)(target(['mnt']))))._unsafeUnwrapErr(), { message: /no bundle could/ });
  t.match((await sampled(ociSamplers(file, dir)(target(['net']))))._unsafeUnwrapErr(), { type: 'unsupported' });
});

t.test('ociSamplers() ends the container, so that its runtime can clear up', async (t) => {
  const leaks = countLeaks();
  const { dir, file, remove } = fakeRuntime('sleep 0.1; sleep 60; echo cleared > "$2.end"; exit 137');
  const killed = await ociSamplers(file, dir)(target(['mnt']))((kill) => kill());
  t.match(killed._unsafeUnwrapErr(), { type: 'command-failed', message: /exited with 137/ });
  t.equal(readFileSync(join(dir, 'state.end'), 'utf8'), 'cleared\n');
  remove();
  t.same(await leaks(), []);
});

for (const name of ['crun', 'runc'] as const) {
  const file = findProgram(name);
  const skip = file === null ? `${name} was not found` : false;
  t.test(`openPeers() runs a command in a container of ${name}, ends it, and leaves nothing`, { skip }, async (t) => {
    const leaks = countLeaks();
    const { present, close } = await openPeers([name]);
    const [peer] = present;
    t.match(peer?.line, name);
    const own = process.geteuid?.() === 0 ? ([] as const) : (['user'] as const);
    const types: readonly NamespaceType[] = [...own, 'mnt', 'pid', 'ipc', 'uts'];
    const sampler = (command: string, args: readonly string[]) => peer?.samplerOf({ command, args, namespaces: types });
    const run = await sampler('/bin/sh', ['-c', 'test $$ -lt 4'])?.(() => undefined);
    if (run?.isErr() === true) {
      // A machine may refuse containers: cgroups of both versions, no user namespaces.
      t.match(run.error, { type: 'command-failed', message: new RegExp(`${name} exited with 1 \\(.+\\)`) });
    } else {
      t.ok(run?._unsafeUnwrap()['exitKnownNs']);
      const kills: (() => void)[] = [];
      const sleeping = sampler('/bin/sleep', ['60'])?.((kill) => kills.push(kill));
      await sleep(300);
      for (const kill of kills) kill();
      t.match((await sleeping)?._unsafeUnwrapErr(), { type: 'command-failed' });
    }
    await close();
    t.same(await leaks(), []);
  });
}
