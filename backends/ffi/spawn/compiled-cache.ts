import { ok, type Result } from 'neverthrow';
import type { SpawnPlan } from '../../../lib/plan.ts';
import { type Host, layOut } from '../host.ts';
import type { Arena } from '../memory.ts';
import type { MappedMemory } from '../native.ts';
import { type CompiledSpawn, compileSpawn, type Manner, spaceFor } from './compile.ts';
import { enteredFds, withoutFds } from './enter-ops.ts';

/** A compiled spawn that lies in an arena of its own, with its memory as it was before it ran. */
interface Entry {
  key: string | null;
  /** A child may still be reading it. */
  busy: boolean;
  readonly arena: Arena;
  compiled: CompiledSpawn | null;
  /** Where the arena's memory is, and the same as 32-bit numbers. */
  address: number;
  words: Int32Array;
  pristine: Int32Array;
}

/** A compiled spawn, until it is given back. */
export interface Leased {
  readonly compiled: CompiledSpawn;
  /** To be called once, when no child reads this memory any more. */
  readonly release: () => void;
}

/** How many compiled spawns are kept: the least lately used makes room. */
const MOST_ENTRIES = 8;
/** What is larger than this is cheaper to forget than to keep, bytes. */
const LARGEST_KEPT = 65_536;

const keyOf = (
  plan: SpawnPlan,
  { host, vehicle, clone3, intoCgroup, mountApi, strays, environ, measured }: Manner,
): string | null => {
  // A file has another name each time; the strays, and an environment that only process.env has, change.
  if (vehicle?.type === 'file' || strays !== null || (plan.env === null && environ === null)) return null;
  // What is to be sent and written is seldom the same again.
  if (plan.ipc !== null) return null;
  // What is mounted below a source, which goes by in a walk, changes.
  if (mountApi === 'path' && plan.mounts.length > 0) return null;
  const alike = plan.enter === null ? plan : { ...plan, enter: withoutFds(plan) };
  return `${host} ${vehicle?.exec} ${clone3} ${intoCgroup} ${measured} ${JSON.stringify(alike)}`;
};

/** Compiles spawns, and finds those again that it has compiled lately: a command is seldom started only once. */
export class CompiledCache {
  readonly #host: Host;
  readonly #entries: Entry[] = [];

  constructor(host: Host) {
    this.#host = host;
  }

  /** The spawn, ready to run; once released, it can be read until the next call. */
  compile(plan: SpawnPlan, manner: Manner): Result<Leased, number> {
    this.#trim();
    const key = keyOf(plan, manner);
    const known = key === null ? undefined : this.#entries.find((entry) => entry.key === key && !entry.busy);
    if (known !== undefined && known.compiled !== null) {
      known.words.set(known.pristine);
      known.words.set(enteredFds(plan), (known.compiled.mailbox.entered - known.address) / 4);
      return ok(this.#lease(known, known.compiled));
    }
    const entry = this.#leastUsed();
    entry.key = null;
    const build = (memory: MappedMemory): CompiledSpawn => {
      entry.address = memory.address;
      entry.words = memory.words;
      return compileSpawn(plan, manner, memory, this.#host.arch);
    };
    return layOut(entry.arena, spaceFor(plan), build).map((compiled) => {
      if (key !== null && compiled.size <= LARGEST_KEPT) {
        entry.key = key;
        entry.compiled = compiled;
        entry.pristine = entry.words.slice(0, Math.ceil(compiled.size / 4));
      }
      return this.#lease(entry, compiled);
    });
  }

  #lease(entry: Entry, compiled: CompiledSpawn): Leased {
    this.#use(entry);
    entry.busy = true;
    const release = (): void => {
      entry.busy = false;
    };
    return { compiled, release };
  }

  /** Gives back what a burst took; not before the next one, because what has been released may still be read by the caller. */
  #trim(): void {
    for (let at = this.#entries.length - 1; at >= 0 && this.#entries.length > MOST_ENTRIES; at -= 1) {
      const entry = this.#entries[at];
      if (entry === undefined || entry.busy) continue;
      this.#entries.splice(at, 1);
      entry.arena.free();
    }
  }

  #leastUsed(): Entry {
    const spare = this.#entries.find((entry) => entry.key === null && !entry.busy);
    if (spare !== undefined) return spare;
    const oldest = this.#entries.filter((entry) => !entry.busy).at(-1);
    if (oldest !== undefined && this.#entries.length >= MOST_ENTRIES) return oldest;
    const none = new Int32Array(0);
    const arena = this.#host.makeArena();
    const made: Entry = { key: null, busy: false, arena, compiled: null, address: 0, words: none, pristine: none };
    this.#entries.push(made);
    return made;
  }

  #use(entry: Entry): void {
    if (this.#entries[0] === entry) return;
    this.#entries.splice(this.#entries.indexOf(entry), 1);
    this.#entries.unshift(entry);
  }
}
