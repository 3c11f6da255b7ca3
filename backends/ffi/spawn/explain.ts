import { err, ok, type Result } from 'neverthrow';
import type { LaunchError } from '../../../lib/errors.ts';
import { explainWrite, mapWrites } from '../../../lib/id-map-helper.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Arch } from '../abi/syscalls.ts';
import { wayFor } from '../carrier/vehicles.ts';
import { wordsOf } from '../native.ts';
import { SpaceExhausted } from '../program/builder.ts';
import { renderProgram } from '../program/render.ts';
import { type CompiledSpawn, compileSpawn, NEWEST, spaceFor } from './compile.ts';
import type { HostKind } from './placement.ts';
import { hostsFor, refuseStraight } from './straight.ts';

/** Somewhere to pretend that the arena is; nothing is run there. */
const PRETENDED_ADDRESS = 0x7f0000000000;

/** Compiles without running, in memory of the JavaScript heap. */
export const compileApart = (
  plan: SpawnPlan,
  arch: Arch,
  manner: Parameters<typeof compileSpawn>[1],
): CompiledSpawn => {
  for (let size = spaceFor(plan); ; size *= 2) {
    try {
      const bytes = Buffer.alloc(size);
      return compileSpawn(plan, manner, { address: PRETENDED_ADDRESS, bytes, words: wordsOf(bytes) }, arch);
    } catch (error) {
      if (!(error instanceof SpaceExhausted)) throw error;
    }
  }
};

const CHILD = {
  carrier: 'carrier, in a process with memory of its own:',
  straight: 'child, in the memory of this process, which waits:',
  beside: 'child, in the memory of this process, which goes on:',
} as const satisfies Record<HostKind, string>;

/** Prints the programs of a spawn. */
export const explain = (plan: SpawnPlan, arch: Arch): Result<string, LaunchError> => {
  const way = wayFor(hostsFor(plan));
  const refusal = way?.host === 'straight' ? refuseStraight(plan) : null;
  if (refusal !== null) return err(refusal);
  const vehicle = way?.make() ?? null;
  const { launch, child } = compileApart(plan, arch, {
    host: way?.host ?? 'carrier',
    vehicle,
    ...NEWEST,
  });
  const parts = [`launch, in this process (host: ${way?.name}), one FFI call:`, renderProgram(launch.ops)];
  parts.push('', CHILD[way?.host ?? 'carrier'], renderProgram(child.ops));
  const writes = mapWrites(plan.idMap);
  if (writes.length > 0) {
    parts.push('', 'while the carrier waits in its first read(go), this process:', ...writes.map(explainWrite));
  }
  return ok(parts.join('\n'));
};
