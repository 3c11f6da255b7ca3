import t, { type Test } from 'tap';
import type { InvalidOption } from '../../lib/errors.ts';
import { explain } from '../../lib/explain.ts';
import { measureSpawn } from '../../lib/measure.ts';
import { run } from '../../lib/run.ts';
import { spawn } from '../../lib/spawn.ts';
import type { RunSpec, SpawnSpec } from '../../lib/spec.ts';
import { watchLeaks } from '../leaks.ts';
import { BAD_OPTIONS, BAD_RUN_OPTIONS, BAD_SPAWN_OPTIONS, type Loose } from './bad-options.ts';
import { FakeBackend } from './fake-backend.ts';

watchLeaks(t);

const shown = (spec: unknown): string =>
  JSON.stringify(spec, (_, value) =>
    typeof value === 'number' && !Number.isFinite(value) ? String(value) : value,
  ).slice(0, 120);

const refused = (t: Test, error: unknown, option: string, wanted: RegExp, about: string): void => {
  const { message, value: _, ...rest } = error as InvalidOption;
  t.match(rest, { type: 'invalid-option', option, wanted }, about);
  // The sentence names the option, its value and what is wanted.
  t.ok(message.includes(option) && message.includes(rest.wanted), message);
  t.match(message, /^[A-Z].*[^.]$/);
};

/** Gives the fake as backend, unless the backend is what is wrong. */
const withFake = (fake: FakeBackend, spec: Loose): Loose => ('backend' in spec ? spec : { ...spec, backend: fake });

for (const [option, spec, wanted] of [...BAD_OPTIONS, ...BAD_SPAWN_OPTIONS]) {
  t.test(`spawn() refuses ${option} before anything is created: ${shown(spec)}`, async (t) => {
    const fake = new FakeBackend();
    const result = await spawn('true', [], withFake(fake, spec) as SpawnSpec);
    refused(t, result._unsafeUnwrapErr(), option, wanted, 'spawn');
    const explained = explain('true', [], withFake(fake, spec) as SpawnSpec);
    refused(t, explained._unsafeUnwrapErr(), option, wanted, 'explain');
    t.equal(fake.children.length, 0, 'nothing was launched');
    t.equal(fake.explained, 0);
  });
}

for (const [option, spec, wanted] of [...BAD_OPTIONS, ...BAD_RUN_OPTIONS]) {
  t.test(`run() refuses ${option} before anything is created: ${shown(spec)}`, async (t) => {
    const fake = new FakeBackend();
    const result = await run('true', [], withFake(fake, spec) as RunSpec);
    refused(t, result._unsafeUnwrapErr(), option, wanted, 'run');
    t.equal(fake.children.length, 0, 'nothing was launched');
  });
}

t.test('spawn() and run() refuse commands, arguments and specs that are none', async (t) => {
  for (const [option, command, args, spec] of [
    ['command', '', [], {}],
    ['command', 'a\0b', [], {}],
    ['command', 7, [], {}],
    ['command', null, [], {}],
    ['command', Object.create(null), [], {}],
    ['args', 'true', 'one', {}],
    ['args', 'true', null, {}],
    ['args[1]', 'true', ['one', 2], {}],
    ['args[0]', 'true', ['a\0b'], {}],
    ['spec', 'true', [], null],
    ['spec', 'true', [], 'inherit'],
  ] as const) {
    const fake = new FakeBackend();
    const whole = spec !== null && typeof spec === 'object' ? { ...spec, backend: fake } : spec;
    for (const verb of [spawn, run]) {
      const result = await verb(command as string, args as unknown as string[], whole as unknown as RunSpec);
      t.match(result._unsafeUnwrapErr(), { type: 'invalid-option', option }, `${verb.name} ${option}`);
    }
    t.equal(fake.children.length, 0);
  }
});

t.test('measureSpawn() refuses a map that the child cannot write itself', async (t) => {
  const spec = { namespaces: ['user'], uidMap: { inside: 0, outside: 100_000, count: 5 } } as const;
  const result = measureSpawn('true', [], { ...spec, backend: new FakeBackend() });
  t.match(result._unsafeUnwrapErr(), { type: 'invalid-option', option: 'uidMap' });
});

t.test('openBackend() takes NS_BACKEND only where nothing else is said', async (t) => {
  const before = process.env['NS_BACKEND'];
  t.teardown(() => {
    if (before === undefined) delete process.env['NS_BACKEND'];
    else process.env['NS_BACKEND'] = before;
  });
  process.env['NS_BACKEND'] = 'docker';
  const wrong = await spawn('true');
  t.match(wrong._unsafeUnwrapErr(), { type: 'invalid-option', option: 'NS_BACKEND', value: 'docker' });
  t.match((await spawn('true', [], { backend: 'auto' }))._unsafeUnwrapErr(), { option: 'NS_BACKEND' });
  const fake = new FakeBackend();
  t.ok((await spawn('true', [], { backend: fake })).isOk());
  fake.child.end(0);
  t.equal(fake.children.length, 1);
});
