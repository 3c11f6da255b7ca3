import { lstat, readFile, realpath, rename, rm, writeFile } from 'node:fs/promises';
import { err, ok, type Result, ResultAsync } from 'neverthrow';
import { type CheckReport, check, readSnapshot, type SnapshotDocument, takeSnapshot } from '../../lib/index.ts';
import { packageVersion } from '../package-version.ts';
import type { CheckIo } from './io.ts';
import { type CheckRequest, readRequest } from './request.ts';
import { unmet } from './requirements.ts';

const OK = 0;
const UNMET = 1;
const BAD_ARGUMENTS = 2;

interface Failed {
  readonly message: string;
}

const readAll = async (stream: CheckIo['stdin']): Promise<string> => {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks).toString('utf8');
};

const toFailed = (error: unknown): Failed => ({ message: error instanceof Error ? error.message : String(error) });

const load = (file: string, io: CheckIo): ResultAsync<SnapshotDocument, Failed> =>
  ResultAsync.fromPromise(file === '-' ? readAll(io.stdin) : readFile(file, 'utf8'), toFailed).andThen(readSnapshot);

const save = async (document: SnapshotDocument, file: string, io: CheckIo): Promise<Result<void, Failed>> => {
  const text = `${JSON.stringify(document, null, 2)}\n`;
  if (file === '-') {
    io.stdout.write(text);
    return ok(undefined);
  }
  return ResultAsync.fromPromise(writeFile(file, text), toFailed);
};

const observedIn = ({ messages }: CheckRequest) => messages.map((text) => ({ text }));

const machineOptions = ({ user, probe, backend }: CheckRequest) => ({
  probe,
  ...(user === undefined ? {} : { user }),
  ...(backend === undefined ? {} : { backend }),
});

/** Whether a file can be replaced by another: a device, a pipe or a socket is what it is by its inode. */
const isReplaceable = async (file: string): Promise<boolean> => {
  try {
    return (await lstat(file)).isFile();
  } catch {
    return true;
  }
};

const replace = async (name: string, text: string): Promise<void> => {
  // A link stays one.
  const file = await realpath(name).catch(() => name);
  if (!(await isReplaceable(file))) return writeFile(name, text);
  const beside = `${file}.${process.pid}`;
  try {
    await writeFile(beside, text, { mode: 0o644 });
    await rename(beside, file);
  } catch (error) {
    await rm(beside, { force: true });
    throw error;
  }
};

/** Written beside it and renamed, so that the collector never reads half of it. */
const replaceFile = (file: string, text: string): ResultAsync<void, Failed> =>
  ResultAsync.fromPromise(replace(file, text), toFailed);

const write = async (report: CheckReport, request: CheckRequest, io: CheckIo): Promise<Result<void, Failed>> => {
  const print = (text: string): Result<void, Failed> => {
    io.stdout.write(text);
    return ok(undefined);
  };
  switch (request.format) {
    case 'json':
      return print(`${JSON.stringify(report, null, 2)}\n`);
    case 'tap':
      return print((await import('./tap.ts')).drawTap(report, request.require, request.user !== undefined));
    case 'prometheus': {
      const { drawPrometheus } = await import('./prometheus.ts');
      const text = drawPrometheus(report, new Date());
      const { prometheusFile: file } = request;
      return file === null || file === '-' ? print(text) : replaceFile(file, text);
    }
    case 'table':
      // Who asks for some things only is told of these only.
      return request.require.length > 0 ? ok(undefined) : print((await import('./table.ts')).drawReport(report, io));
  }
};

const show = async (
  request: CheckRequest,
  snapshot: SnapshotDocument | null,
  io: CheckIo,
): Promise<Result<number, Failed>> => {
  const report = await check({
    ...(snapshot === null ? {} : { snapshot }),
    ...machineOptions(request),
    observed: observedIn(request),
  });
  if (report.isErr()) return err(report.error);
  const missing = unmet(report.value, request.require, request.user !== undefined);
  const written = await write(report.value, request, io);
  if (written.isErr()) return err(written.error);
  for (const line of missing) io.stderr.write(`ns-check: ${line}\n`);
  return ok(missing.length === 0 ? OK : UNMET);
};

const carryOut = async (request: CheckRequest, io: CheckIo): Promise<Result<number, Failed>> => {
  const { from, save: file, redact } = request;
  const snapshot = from === null ? ok(null) : await load(from, io);
  if (snapshot.isErr()) return err(snapshot.error);
  if (file === null) return show(request, snapshot.value, io);
  const machine = snapshot.value === null ? machineOptions(request) : { snapshot: snapshot.value };
  const taken = await takeSnapshot({ ...machine, observed: observedIn(request) });
  if (taken.isErr()) return err(taken.error);
  const document = redact ? await takeSnapshot({ snapshot: taken.value, redact }) : taken;
  if (document.isErr()) return err(document.error);
  const saved = await save(document.value, file, io);
  if (saved.isErr()) return err(saved.error);
  const isAsked = request.format !== 'table' || request.require.length > 0;
  // It says what was saved, and nothing is tried twice.
  return isAsked ? show({ ...request, messages: [] }, taken.value, io) : ok(OK);
};

/**
 * Does what a command line of ns-check says.
 *
 * @param argv - the arguments, without node and script
 * @returns the exit code: 0 done, 1 a requirement is not met, 2 bad arguments
 */
export const main = async (argv: readonly string[], io: CheckIo): Promise<number> => {
  const request = readRequest(argv, packageVersion());
  if (request.isErr()) {
    if (request.error.type === 'text') {
      io.stdout.write(request.error.text);
      return OK;
    }
    io.stderr.write(`ns-check: ${request.error.message}\n`);
    return BAD_ARGUMENTS;
  }
  return (await carryOut(request.value, io)).match(
    (code) => code,
    ({ message }) => {
      io.stderr.write(`ns-check: ${message}\n`);
      return BAD_ARGUMENTS;
    },
  );
};
