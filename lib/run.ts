import type { Readable } from 'node:stream';
import { err, errAsync, ok, type Result, ResultAsync } from 'neverthrow';
import type { Child } from './child.ts';
import { invalidOption, type OutputLimit, outputLimit, type RunError } from './errors.ts';
import type { ExitStatus } from './exit.ts';
import { spawn } from './spawn.ts';
import type { RunSpec, SpawnSpec } from './spec.ts';
import { type StopWatch, watchStop } from './stop.ts';

/** What a finished command left. */
export interface RunResult {
  readonly status: ExitStatus;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

const DEFAULT_MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const collect = (stream: Readable | null, most: number, onTooMuch: () => void): Promise<Buffer> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let size = 0;
    const done = (): void => resolve(Buffer.concat(chunks));
    if (stream === null || stream.closed) return done();
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= most) chunks.push(chunk);
      else onTooMuch();
    });
    // A stream that breaks has given what it had.
    stream.on('error', done);
    stream.on('close', done);
    return undefined;
  });

const gather = async (child: Child, most: number, watch: StopWatch): Promise<Result<RunResult, RunError>> => {
  const { stdin, stdout: out, stderr: errors } = child;
  // A process that the command left behind may hold the pipes open for ever.
  const stopReading = (): void => {
    out?.destroy();
    errors?.destroy();
  };
  watch.onStop(stopReading);
  let tooMuch: OutputLimit['stream'] | null = null;
  const limit = (stream: OutputLimit['stream']) => (): void => {
    tooMuch ??= stream;
    // That it has ended meanwhile is no error.
    child.kill('SIGKILL').unwrapOr(undefined);
    stopReading();
  };
  const [stdout, stderr, exit] = await Promise.all([
    collect(out, most, limit('stdout')),
    collect(errors, most, limit('stderr')),
    child.exit,
  ]);
  watch.release();
  stdin?.destroy();
  if (exit.isErr()) return err(exit.error);
  if (tooMuch !== null) return err(outputLimit(tooMuch, most, exit.value));
  const stopped = watch.stopped(exit.value);
  return stopped === null ? ok({ status: exit.value, stdout, stderr }) : err(stopped);
};

/** Starts a child as `start` does, and collects what it writes until its end. */
export const collected = <S extends RunSpec, E>(
  spec: S,
  start: (spec: S & Pick<SpawnSpec, 'stdio'>) => ResultAsync<Child, E>,
): ResultAsync<RunResult, E | RunError> => {
  if (typeof spec !== 'object' || spec === null) return errAsync(invalidOption('spec', spec, 'an object'));
  const { maxOutputBytes: most = DEFAULT_MAX_OUTPUT_BYTES } = spec;
  if (!Number.isSafeInteger(most) || most < 0) {
    return errAsync(invalidOption('maxOutputBytes', most, 'a whole number of bytes, 0 or more'));
  }
  const stdin = spec.stdin === undefined ? 'ignore' : 'pipe';
  return start({ ...spec, stdio: [stdin, 'pipe', 'pipe'] })
    .mapErr((error): E | RunError => error)
    .andThen((child) => new ResultAsync(gather(child, most, watchStop(spec))));
};

/**
 * Runs a command to its end and collects what it wrote.
 *
 * @remarks stdin is empty unless `stdin` is given. A command that fails is no error here: look at `status`. The output ends
 * when nobody holds the pipes any more, so processes that the command left behind are waited for, up to `timeoutMs`.
 * @param command - a path, or a name that is searched in PATH inside the child
 * @param args - its arguments, without argv[0]
 * @param spec - what it is to be given
 * @returns status, stdout and stderr; or what {@link spawn} says, `output-limit`, `exit-lost`
 * @example
 * ```ts
 * const result = await run('id', ['-u'], { namespaces: ['user'], mapRootUser: true });
 * if (result.isOk()) console.log(String(result.value.stdout)); // 0
 * ```
 */
export const run = (
  command: string,
  args: readonly string[] = [],
  spec: RunSpec = {},
): ResultAsync<RunResult, RunError> => collected(spec, (whole) => spawn(command, args, whole));
