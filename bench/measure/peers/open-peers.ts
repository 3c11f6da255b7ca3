import { execFile } from 'node:child_process';
import { rmSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { err, ok, type Result } from 'neverthrow';
import { match } from 'ts-pattern';
import type { PeerName } from '../../cases/case.ts';
import type { Target } from '../backend-sampler.ts';
import type { BackendContext } from '../context.ts';
import type { Sampler } from '../sample.ts';
import { answeringSampler, type Reading, readInside, readOutside } from './answering.ts';
import { bwrapSampler } from './bwrap.ts';
import { findProgram } from './find.ts';
import { type LineServer, startLineServer } from './line-server.ts';
import { ociSamplers } from './oci.ts';

/** A peer, ready to be measured. */
export interface OpenedPeer {
  readonly name: PeerName;
  /** What it is, in one line: a version, or a compiler's. */
  readonly line: string;
  /** How it is measured with a set of namespaces. */
  readonly samplerOf: (target: Target) => Sampler;
}

/** A peer that is not here, and why. */
interface AbsentPeer {
  readonly name: PeerName;
  readonly reason: string;
}

/** Peers that were asked for. */
export interface OpenedPeers {
  readonly present: readonly OpenedPeer[];
  readonly absent: readonly AbsentPeer[];
  /** Ends their processes and removes what was built. */
  readonly close: () => Promise<void>;
}

const run = promisify(execFile);

/** A build that takes longer has hung. */
const BUILD_MS = 120_000;

/** A source beside package.json, which a module finds by the package's own name, wherever it was built to. */
const sourceOf = (name: string): string =>
  join(dirname(createRequire(import.meta.url).resolve('linux-namespaces/package.json')), 'bench/peers', name);

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

const versionOf = async (file: string, args: readonly string[]): Promise<string> => {
  try {
    const { stdout, stderr } = await run(file, args, { timeout: 10_000 });
    return firstLine(stdout || stderr);
  } catch {
    return file;
  }
};

const build = async (file: string, args: readonly string[]): Promise<Result<void, string>> => {
  try {
    await run(file, args, { timeout: BUILD_MS });
    return ok();
  } catch (error) {
    const { stderr } = error as { readonly stderr?: string };
    return err(`it could not be built: ${firstLine(stderr || String(error))}`);
  }
};

interface Workshop {
  readonly dir: string;
  readonly servers: LineServer[];
}

type Opening = Promise<Result<Omit<OpenedPeer, 'name'>, string>>;

const found = (names: readonly string[]): Result<string, string> => {
  const path = names.map(findProgram).find((candidate) => candidate !== null);
  return path == null ? err(`${names.join(' or ')} was not found`) : ok(path);
};

const serve = ({ servers }: Workshop, file: string, args: readonly string[], reading: Reading) => {
  const server = startLineServer(file, args);
  servers.push(server);
  return (target: Target): Sampler => answeringSampler(server, target, reading);
};

const openC = async (workshop: Workshop): Opening => {
  const compiler = found(['cc', 'gcc', 'clang']);
  if (compiler.isErr()) return err(compiler.error);
  const program = join(workshop.dir, 'clone3-loop');
  // No library of C in the process: it is the kernel alone that is timed.
  const alone = ['-nostdlib', '-static', '-ffreestanding', '-fno-stack-protector', '-fno-pie', '-no-pie'];
  const built = await build(compiler.value, ['-O2', ...alone, '-o', program, sourceOf('clone3-loop.c')]);
  if (built.isErr()) return err(built.error);
  const line = `clone3(CLONE_VM|CLONE_VFORK), ${await versionOf(compiler.value, ['--version'])}`;
  return ok({ line, samplerOf: serve(workshop, program, [], readInside) });
};

const openGo = async (workshop: Workshop): Opening => {
  const compiler = found(['go']);
  if (compiler.isErr()) return err(compiler.error);
  const program = join(workshop.dir, 'peer-go');
  const built = await build(compiler.value, ['build', '-o', program, sourceOf('main.go')]);
  if (built.isErr()) return err(built.error);
  const line = `os/exec, ${await versionOf(compiler.value, ['version'])}`;
  return ok({ line, samplerOf: serve(workshop, program, [], readOutside(['time'])) });
};

const openPython = async (workshop: Workshop): Opening => {
  const python = found(['python3']);
  if (python.isErr()) return err(python.error);
  const line = `subprocess, ${await versionOf(python.value, ['--version'])}`;
  // unshare(2) moves later children into a pid or time namespace, not the one that becomes the command.
  return ok({ line, samplerOf: serve(workshop, python.value, [sourceOf('peer.py')], readOutside(['pid', 'time'])) });
};

const openBwrap = async (): Opening => {
  const bwrap = found(['bwrap']);
  if (bwrap.isErr()) return err(bwrap.error);
  return ok({ line: await versionOf(bwrap.value, ['--version']), samplerOf: bwrapSampler });
};

/** A container runtime; each has a place of its own for its bundles and its state. */
const openRuntime = async ({ dir }: Workshop, name: 'crun' | 'runc'): Opening => {
  const runtime = found([name]);
  if (runtime.isErr()) return err(runtime.error);
  const own = join(dir, name);
  await mkdir(own);
  const line = `run of a bundle: a root file system and a cgroup, too; ${await versionOf(runtime.value, ['--version'])}`;
  return ok({ line, samplerOf: ociSamplers(runtime.value, own) });
};

const openOne = (name: PeerName, workshop: Workshop): Opening =>
  match(name)
    .with('c', () => openC(workshop))
    .with('go', () => openGo(workshop))
    .with('python3', () => openPython(workshop))
    .with('bwrap', openBwrap)
    .with('crun', 'runc', (runtime) => openRuntime(workshop, runtime))
    .exhaustive();

/** What is to be told of peers: those that are here, and why the others are not. */
export const contextOf = ({ present, absent }: OpenedPeers): readonly BackendContext[] => [
  ...present.map(({ name, line }) => ({ name, available: true, line })),
  ...absent.map(({ name, reason }) => ({ name, available: false, line: reason })),
];

/** Finds, builds and starts peers; one that is not here does not keep the others from being measured. */
export const openPeers = async (names: readonly PeerName[]): Promise<OpenedPeers> => {
  const workshop: Workshop = { dir: await mkdtemp(join(tmpdir(), 'ns-bench-peers-')), servers: [] };
  const present: OpenedPeer[] = [];
  const absent: AbsentPeer[] = [];
  for (const name of names) {
    const opened = await openOne(name, workshop);
    if (opened.isOk()) present.push({ name, ...opened.value });
    else absent.push({ name, reason: opened.error });
  }
  // Whoever cannot wait for the end of a run is left nothing, either.
  const onExit = (): void => rmSync(workshop.dir, { recursive: true, force: true });
  process.once('exit', onExit);
  const close = async (): Promise<void> => {
    await Promise.all(workshop.servers.map(({ end }) => end()));
    await rm(workshop.dir, { recursive: true, force: true });
    process.off('exit', onExit);
  };
  return { present, absent, close };
};
