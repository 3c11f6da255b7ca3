import { existsSync } from 'node:fs';
import t from 'tap';
import { PEER_NAMES } from '../../bench/cases/case.ts';
import { answeringSampler, readInside, readOutside } from '../../bench/measure/peers/answering.ts';
import { bwrapSampler } from '../../bench/measure/peers/bwrap.ts';
import { findProgram } from '../../bench/measure/peers/find.ts';
import { startLineServer } from '../../bench/measure/peers/line-server.ts';
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
  t.same([...present, ...absent].map(({ name }) => name).sort(), ['bwrap', 'c', 'python3']);
  for (const { name, reason } of absent) t.match(reason, /was not found$/, name);
  for (const { name, line, samplerOf } of present) {
    t.ok(line.length > 3, line);
    if (name === 'bwrap') continue;
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
