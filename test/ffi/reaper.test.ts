import { ok } from 'neverthrow';
import t from 'tap';
import { type Host, layOut } from '../../backends/ffi/host.ts';
import type { Arena } from '../../backends/ffi/memory.ts';
import { wordsOf } from '../../backends/ffi/native.ts';
import { ProgramBuilder } from '../../backends/ffi/program/builder.ts';
import { Reaper } from '../../backends/ffi/reaper.ts';

/** An arena of the JavaScript heap, for programs that are never run. */
const heapArena = (): Arena => {
  let bytes = Buffer.alloc(0);
  return {
    take: (size) => {
      if (bytes.length < size) bytes = Buffer.alloc(size);
      return ok({ address: 0x10000000, bytes, words: wordsOf(bytes) });
    },
    free: () => {},
  };
};

/** A host that runs nothing: to whoever looks every child seems to be somebody else's by now. */
const idleHost = (): { readonly host: Host; readonly sizes: number[] } => {
  const arena = heapArena();
  const sizes: number[] = [];
  const runCalls: Host['runCalls'] = (build) =>
    layOut(arena, 1_024, ({ bytes, words, address }) => {
      const program = new ProgramBuilder({ bytes, words, offset: 0, base: address, arch: 'x64' });
      build(program);
      program.op('end', [], { onError: 'next' });
      program.finish();
      return program;
    }).map((program) => {
      sizes.push(program.size);
      return program;
    });
  // It is asked for nothing else.
  return { host: { runCalls } as unknown as Host, sizes };
};

t.test('Reaper looks after more children than one program has ops for', async (t) => {
  const { host, sizes } = idleHost();
  const reaper = new Reaper(host);
  const MANY = 40_000;
  let ended = 0;
  for (let pid = 1; pid <= MANY; pid += 1) {
    reaper.follow({
      ...{ pid, pidfd: pid, statusFd: -1 },
      onStatus: () => {},
      onEnd: () => {
        ended += 1;
      },
    });
  }
  reaper.look();
  t.equal(ended, MANY);
  t.ok(Math.max(...sizes) < 1_048_576, 'nor does it take memory for all of them at once');
});
