import { ok } from 'neverthrow';
import t from 'tap';
import type { Host } from '../../backends/ffi/host.ts';
import type { Arena } from '../../backends/ffi/memory.ts';
import { wordsOf } from '../../backends/ffi/native.ts';
import type { Manner } from '../../backends/ffi/spawn/compile.ts';
import { CompiledCache } from '../../backends/ffi/spawn/compiled-cache.ts';
import { planSpawn } from '../../lib/plan-spawn.ts';
import { MANNER } from './manner.ts';

/** Arenas of the JavaScript heap, counted. */
const counted = () => {
  const arenas = { made: 0, freed: 0 };
  const makeArena = (): Arena => {
    arenas.made += 1;
    const address = 0x10000000 * arenas.made;
    const bytes = Buffer.alloc(131_072);
    return {
      take: () => ok({ address, bytes, words: wordsOf(bytes) }),
      free: () => {
        arenas.freed += 1;
      },
    };
  };
  // It asks a host for nothing else.
  return { arenas, cache: new CompiledCache({ arch: 'x64', makeArena } as unknown as Host) };
};

const manner: Manner = { ...MANNER, host: 'beside', vehicle: null };

const planOf = (command: string) =>
  planSpawn(command, [], { namespaces: ['uts'], env: {}, stdio: 'ignore' })._unsafeUnwrap();

t.test('CompiledCache never hands out memory that a child may be reading', async (t) => {
  const { arenas, cache } = counted();
  const leased = Array.from({ length: 20 }, () => cache.compile(planOf('true'), manner)._unsafeUnwrap());
  t.equal(new Set(leased.map(({ compiled }) => compiled.launch.base)).size, 20);
  for (const command of ['a', 'b', 'c']) {
    const { compiled, release } = cache.compile(planOf(command), manner)._unsafeUnwrap();
    t.notOk(leased.some((other) => other.compiled.launch.base === compiled.launch.base));
    release();
  }
  const { freed } = arenas;
  for (const { release } of leased) release();
  t.equal(arenas.freed, freed, 'what has been released may still be read');
  cache.compile(planOf('true'), manner)._unsafeUnwrap().release();
  t.equal(arenas.made - arenas.freed, 8, 'what a burst took is given back');
});

t.test('CompiledCache finds a program again when it has been released', async (t) => {
  const { arenas, cache } = counted();
  const bases = new Set<number>();
  for (let round = 0; round < 30; round += 1) {
    const { compiled, release } = cache.compile(planOf('true'), manner)._unsafeUnwrap();
    bases.add(compiled.launch.base);
    release();
  }
  t.same([bases.size, arenas.made], [1, 1]);
  for (let round = 0; round < 30; round += 1) {
    cache
      .compile(planOf(`command-${round}`), manner)
      ._unsafeUnwrap()
      .release();
  }
  t.same(arenas, { made: 8, freed: 0 });
});
