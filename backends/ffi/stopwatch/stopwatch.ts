import type { LaunchError } from '../../../lib/errors.ts';
import { CLOCK } from '../abi/constants.ts';
import { shown, words } from '../program/argument.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { stepFailed } from '../spawn/failure.ts';

/** struct timespec, 64-bit. */
const TIMESPEC_SIZE = 16;

/** The most stamps that a program may take. */
const MOST_STAMPS = 16;

/** Stamps that lie side by side in a program's memory. */
export class Stopwatch {
  readonly #program: ProgramBuilder;
  readonly #names: string[] = [];
  /** The address of the first stamp. */
  readonly address: number;

  constructor(program: ProgramBuilder) {
    this.#program = program;
    this.address = program.zeros(TIMESPEC_SIZE * MOST_STAMPS);
  }

  /** Bytes that the stamps take. */
  get size(): number {
    return this.#names.length * TIMESPEC_SIZE;
  }

  /** Reserves a stamp without taking it; returns its address. */
  reserve(name: string): number {
    if (this.#names.length === MOST_STAMPS) throw new TypeError(`A program has at most ${MOST_STAMPS} stamps`);
    return this.address + (this.#names.push(name) - 1) * TIMESPEC_SIZE;
  }

  /** Reads the clock into a stamp that was reserved. */
  take(address: number, name: string): void {
    this.#program.op('clock_gettime', [words(CLOCK.CLOCK_MONOTONIC, CLOCK), shown(address, `&${name}`)], {
      onError: 'next',
    });
  }

  /** Reads the clock here. */
  stamp(name: string): void {
    this.take(this.reserve(name), name);
  }

  /** Nanoseconds of all stamps, by name, from where they came to lie. */
  read(bytes: Buffer): ReadonlyMap<string, number> {
    return new Map(
      this.#names.map((name, index) => {
        const at = index * TIMESPEC_SIZE;
        return [name, Number(bytes.readBigInt64LE(at) * 1_000_000_000n + bytes.readBigInt64LE(at + 8))];
      }),
    );
  }
}

/** The error of a program for which there is no room. */
export const noMemory = (errno: number): LaunchError =>
  stepFailed({ name: 'mmap', args: [], options: { step: 'prepare', onError: 'next' } }, errno);

/** The times from one stamp to others. */
export const since = (
  stamps: ReadonlyMap<string, number>,
  start: string,
  names: readonly string[],
): Readonly<Record<string, number>> =>
  Object.fromEntries(names.map((name) => [name, (stamps.get(name) ?? Number.NaN) - (stamps.get(start) ?? Number.NaN)]));

/** The times from each stamp to the next; the first stamp is the start of the first. */
export const between = (stamps: ReadonlyMap<string, number>): Readonly<Record<string, number>> => {
  const entries = [...stamps];
  return Object.fromEntries(
    entries.slice(1).map(([name, ns], index) => [name, ns - (entries[index]?.[1] ?? Number.NaN)]),
  );
};
