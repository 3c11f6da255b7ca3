import { isAbsolute } from 'node:path';
import { err, ok, type Result } from 'neverthrow';
import { cloneFlags, type NamespaceType } from '../../../lib/index.ts';
import type { Target } from '../backend-sampler.ts';
import type { Durations, Refusal, Sampler } from '../sample.ts';
import type { LineServer } from './line-server.ts';

/** What a peer cannot do, and what its numbers mean. */
export interface Reading {
  readonly cannot: readonly NamespaceType[];
  /** null: not what a peer answers. */
  readonly read: (numbers: readonly number[]) => Durations | null;
}

/** Three numbers, taken next to the system calls. */
export const readInside: Reading = {
  cannot: [],
  read: ([, cloneNs, totalNs]) => (cloneNs === undefined || totalNs === undefined ? null : { cloneNs, totalNs }),
};

/** Two numbers, taken around a language's own calls. */
export const readOutside = (cannot: readonly NamespaceType[]): Reading => ({
  cannot,
  read: ([blockedNs, exitKnownNs]) =>
    blockedNs === undefined || exitKnownNs === undefined ? null : { blockedNs, exitKnownNs },
});

const refusal = (message: string): Refusal => ({ type: 'peer-failed', message });

const parse = (line: string, { read }: Reading): Result<Durations, Refusal> => {
  if (line.startsWith('error ')) return err(refusal(line.slice('error '.length)));
  const durations = read(line.split(' ').map(Number).filter(Number.isFinite));
  return durations === null ? err(refusal(`it answered ${JSON.stringify(line)}`)) : ok(durations);
};

/** What stands for a child that exits at once; only C knows it. */
export const EXITS = '-';

/** Asks a peer to start the command once and reads its answer. */
export const answeringSampler = (
  server: LineServer,
  { command, args, namespaces }: Target,
  reading: Reading,
): Sampler => {
  const missing = namespaces.filter((type) => reading.cannot.includes(type));
  return async () => {
    if (missing.length > 0) return err({ type: 'unsupported', message: `it cannot make ${missing.join(', ')}` });
    if ((command !== EXITS && !isAbsolute(command)) || args.length > 0) {
      return err({ type: 'unsupported', message: 'it takes an absolute path without arguments for a command' });
    }
    const answer = await server.ask(`${cloneFlags(namespaces).toString(16)} ${command}`);
    return answer.mapErr(refusal).andThen((line) => parse(line, reading));
  };
};
