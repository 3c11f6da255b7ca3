import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Backend } from '../backend.ts';
import { Child } from '../child.ts';
import {
  type Aborted,
  aborted,
  type InvalidOption,
  invalidOption,
  setupFailed,
  type Unsupported,
  unsupported,
  type WatchEnded,
} from '../errors.ts';
import { openBackend } from '../open.ts';
import { isInterfaceName } from '../plan-network.ts';
import { planSpawn } from '../plan-spawn.ts';
import { findProgram, programInPath } from '../program-path.ts';
import { spawn } from '../spawn.ts';
import type { BackendChoice } from '../spec.ts';
import { OUTSIDE_TOOLS, type OutsideTool, outsideArguments } from './outside-tools.ts';
import { type NetworkTarget, openQuestion, type Question, type ReadNetworkError } from './question.ts';
import { watchNetwork } from './watch-network.ts';

/** How a network is connected to outside. */
export interface OutsideSpec {
  /** pasta(1), else slirp4netns(1), when left out. */
  readonly tool?: OutsideTool;
  /** The name of its interface inside; `tap0` when left out. */
  readonly name?: string;
  /** Closes it when aborted. */
  readonly signal?: AbortSignal;
  readonly backend?: BackendChoice;
}

/** What may come of {@link connectOutside}. */
export type OutsideError = ReadNetworkError | WatchEnded;

/** How long a tool may take until there is a way out. */
const PATIENCE_MS = 10_000;
const LONGEST_TEXT = 4_096;
const SIGKILL = 9;

/** A process in the network that is connected. */
interface Holder {
  readonly pid: number;
  /** The network belongs to another user namespace. */
  readonly isForeign: boolean;
  readonly close: () => void;
}

/** A connection to outside, which a process of this one holds; see {@link connectOutside}. */
export class OutsideConnection implements Disposable, AsyncDisposable {
  readonly tool: OutsideTool;
  /** The process that does it. */
  readonly pid: number;
  /** Settles when it has ended, whatever the reason. */
  readonly ended: Promise<void>;
  readonly #helper: Child;
  readonly #holder: Holder;

  /** @internal */
  constructor(tool: OutsideTool, helper: Child, holder: Holder) {
    this.tool = tool;
    this.pid = helper.pid;
    this.#helper = helper;
    this.#holder = holder;
    this.ended = helper.exit.match(holder.close, holder.close);
  }

  /** Takes the connection away. May be called more than once. */
  close(): void {
    // That it has ended meanwhile is no error.
    this.#helper.kill('SIGKILL').unwrapOr(undefined);
    this.#helper.stderr?.destroy();
    this.#holder.close();
  }

  /** The same as {@link OutsideConnection.close}. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes it, and waits until its process has ended. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    this.#helper.ref();
    await this.ended;
  }
}

interface Found {
  readonly tool: OutsideTool;
  readonly path: string;
}

/** The tool that will do it. */
export const findTool = ({ name }: Backend, wanted: OutsideTool | undefined): Result<Found, Unsupported> => {
  const tools = wanted === undefined ? OUTSIDE_TOOLS : [wanted];
  for (const tool of tools) {
    const path = programInPath(tool);
    if (path !== null) return ok({ tool, path });
  }
  return err(unsupported(name, 'a connection to outside', `${tools.map((tool) => `${tool}(1)`).join(' or ')} in PATH`));
};

const checkSpec = (spec: OutsideSpec): Result<void, InvalidOption> => {
  if (typeof spec !== 'object' || spec === null) return err(invalidOption('spec', spec, 'an object'));
  const { tool, name, signal } = spec;
  if (tool !== undefined && !OUTSIDE_TOOLS.includes(tool)) {
    return err(invalidOption('tool', tool, '"pasta" or "slirp4netns"'));
  }
  if (name !== undefined && !isInterfaceName(name)) return err(invalidOption('name', name, 'the name of an interface'));
  return signal === undefined || signal instanceof AbortSignal
    ? ok(undefined)
    : err(invalidOption('signal', signal, 'an AbortSignal'));
};

/** How a node of a declaration is connected: `true`, or by which tool, and the name of its interface. */
export type NodeOutside = boolean | Pick<OutsideSpec, 'tool' | 'name'>;

/** Checks what a declaration says of a connection; null: there is to be none. */
export const planOutside = (
  option: string,
  value: NodeOutside | undefined,
): Result<Pick<OutsideSpec, 'tool' | 'name'> | null, InvalidOption> => {
  if (value === undefined || value === false) return ok(null);
  if (value === true) return ok({});
  if (typeof value !== 'object' || value === null) {
    return err(invalidOption(option, value, 'true, false or an object: { tool, name }'));
  }
  const { tool, name } = value;
  const spec = { ...(tool === undefined ? {} : { tool }), ...(name === undefined ? {} : { name }) };
  return checkSpec(spec)
    .map(() => spec)
    .mapErr((error) => invalidOption(`${option}.${error.option}`, error.value, error.wanted));
};

/** Waits until a default route leads through the interface; false when the watcher was closed before. */
const hasWayOut = async (
  target: NetworkTarget,
  name: string,
  spec: { readonly signal: AbortSignal; readonly backend?: BackendChoice },
): Promise<Result<boolean, OutsideError>> => {
  const watcher = await watchNetwork(target, spec);
  if (watcher.isErr()) return spec.signal.aborted ? ok(false) : err(watcher.error);
  const leadsOut = (): boolean =>
    watcher.value.state.routes.some((route) => route.to === 'default' && route.interface === name);
  if (leadsOut()) {
    watcher.value.close();
    return ok(true);
  }
  for await (const event of watcher.value) {
    if (event.type === 'failed') return err(event.error);
    if (leadsOut()) return ok(true);
  }
  return ok(false);
};

const whatItSaid = (helper: Child): (() => string) => {
  let text = '';
  helper.stderr?.on('data', (bytes: Buffer) => {
    text = (text + bytes.toString()).slice(-LONGEST_TEXT);
  });
  helper.stderr?.on('error', () => undefined);
  return () => text.trim().split('\n').at(-1) ?? '';
};

/** A process in the network, to be named to the tool: some tools end with the process that they were told of. */
const holdNetwork = async (backend: Backend, { plan }: Question): Promise<Result<Holder, OutsideError>> => {
  const joins = plan.enter?.joins.filter(({ type }) => type === 'net' || type === 'user') ?? [];
  if (plan.enter === null || !joins.some(({ type }) => type === 'net')) {
    return err(invalidOption('target', 'the network of the caller', 'a network namespace of its own'));
  }
  const isForeign = joins.some(({ type }) => type === 'user');
  const own = planSpawn(findProgram('cat') ?? '/bin/cat', [], {
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    dieWithParent: true,
    // Who has given up capabilities may not look at one in its own user namespace that has them.
    ...(isForeign ? {} : { capabilities: { bounding: [] } }),
  });
  if (own.isErr()) return err(own.error);
  const launched = backend.launch({ ...own.value, enter: { ...plan.enter, joins } });
  if (launched.isErr()) return err(launched.error);
  const { started, kill, setRef } = launched.value;
  const pid = await started;
  if (pid.isErr()) return err(pid.error);
  const [stdin] = launched.value.stdio;
  stdin?.on('error', () => stdin.destroy());
  (stdin as { unref?: () => void } | null | undefined)?.unref?.();
  setRef(false);
  const close = (): void => {
    kill(SIGKILL).unwrapOr(undefined);
    stdin?.destroy();
  };
  return ok({ pid: pid.value, isForeign, close });
};

const start = async (
  target: NetworkTarget,
  { tool, path }: Found,
  holder: Holder,
  { name = 'tap0', signal, backend }: OutsideSpec,
): Promise<Result<OutsideConnection, OutsideError>> => {
  const own = backend === undefined ? {} : { backend };
  const helper = await spawn(path, outsideArguments(tool, { ...holder, name }), {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Its end is this one's.
    dieWithParent: true,
    detached: true,
    ...own,
  });
  if (helper.isErr()) {
    holder.close();
    return err(helper.error);
  }
  const said = whatItSaid(helper.value);
  const connection = new OutsideConnection(tool, helper.value, holder);
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), PATIENCE_MS);
  const onAbort = (): void => stop.abort();
  signal?.addEventListener('abort', onAbort, { once: true });
  void connection.ended.then(onAbort);
  const way = await hasWayOut(target, name, { signal: stop.signal, ...own });
  clearTimeout(timer);
  signal?.removeEventListener('abort', onAbort);
  if (way.isOk() && way.value && signal?.aborted !== true) {
    signal?.addEventListener('abort', () => connection.close(), { once: true });
    helper.value.unref();
    (helper.value.stderr as { unref?: () => void } | null)?.unref?.();
    return ok(connection);
  }
  await connection[Symbol.asyncDispose]();
  if (signal?.aborted === true) return err(stopped(signal));
  if (way.isErr()) return err(way.error);
  const call = `${tool}(1): ${said() || `no way out after ${PATIENCE_MS} ms`}`;
  const facts = { step: 'network', syscall: `${tool}(1)`, call, errno: null, path, diagnosis: null } as const;
  return err(setupFailed({ backend: helper.value.backend, namespaces: ['net'], ...facts }));
};

const stopped = ({ reason }: AbortSignal): Aborted => aborted(reason, null);

const connect = async (target: NetworkTarget, spec: OutsideSpec): Promise<Result<OutsideConnection, OutsideError>> => {
  const checked = checkSpec(spec);
  if (checked.isErr()) return err(checked.error);
  const opened = openBackend(spec.backend);
  if (opened.isErr()) return err(opened.error);
  const { backend } = opened.value;
  const found = findTool(backend, spec.tool);
  if (found.isErr()) return err(found.error);
  if (spec.signal?.aborted === true) return err(stopped(spec.signal));
  const question = openQuestion(target, backend);
  if (question.isErr()) return err(question.error);
  const holder = await holdNetwork(backend, question.value);
  question.value.close();
  if (holder.isErr()) return err(holder.error);
  const connection = await start(target, found.value, holder.value, spec);
  if (connection.isOk() && target instanceof Child) {
    const close = (): void => connection.value.close();
    void target.exit.match(close, close);
  }
  return connection;
};

/**
 * Connects a network namespace to outside, without privilege: by pasta(1) or slirp4netns(1), whichever is installed.
 *
 * @remarks A process of this one copies packets between an interface inside and sockets of the calling thread's network.
 * It ends when the connection is closed, when the target is a Child that ends, and when the calling thread ends: call it from
 * the main thread, whose end is the process's. Services of this machine on 127.0.0.1 are out of reach, and nobody reaches in.
 * Names: the command has the caller's /etc/resolv.conf, and so its resolver, where that is not on 127.0.0.1. Wants
 * /dev/net/tun.
 * @param target - kept namespaces (a node of `createNetwork`), a Child, a process, or handles with a `net` among them
 * @param spec - `tool`, `name` of the interface, `signal`
 * @returns the connection, to be closed, once a default route leads out; or `invalid-option`, `unsupported` (no tool is
 * there, nothing was created), `setup-failed` with step `network` and what the tool said, what `enter` says, `aborted`
 * @example
 * ```ts
 * // Needs pasta or slirp4netns, /dev/net/tun and a default route.
 * const result = await withNetwork(async (net) => {
 *   const outside = await connectOutside(net, { name: 'out0' });
 *   if (outside.isErr()) return outside.error.message;
 *   const state = await readNetwork(net);
 *   outside.value.close();
 *   return state.map(({ links }) => links.map(({ name }) => name)).unwrapOr([]);
 * });
 * console.log(result.isOk() ? result.value : result.error.message); // [ 'lo', 'out0' ]
 * ```
 * @see pasta(1), slirp4netns(1)
 */
export const connectOutside = (
  target: NetworkTarget,
  spec: OutsideSpec = {},
): ResultAsync<OutsideConnection, OutsideError> => new ResultAsync(connect(target, spec));
