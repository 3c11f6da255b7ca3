import { err, ok, type Result, ResultAsync } from 'neverthrow';
import type { Child } from '../child.ts';
import { enter } from '../enter.ts';
import type { EnterSpec } from '../enter-spec.ts';
import type { EnterError, RunError } from '../errors.ts';
import { NAMESPACE_TYPES, type NamespaceType } from '../namespace.ts';
import type { NamespaceHandle } from '../namespace-handle.ts';
import { openNamespace } from '../open-namespace.ts';
import { collected, type RunResult } from '../run.ts';
import { spawn } from '../spawn.ts';
import type { RunSpec, SpawnSpec } from '../spec.ts';

/** What a command in kept namespaces is to be given. */
export type KeptRunSpec = RunSpec & Omit<EnterSpec, 'stdio' | 'detached'>;

/** Namespaces that are held by open files, without a process in them, until they are closed. */
export class KeptNamespaces implements Disposable {
  readonly #handles: readonly NamespaceHandle[];

  /** @internal */
  constructor(handles: readonly NamespaceHandle[]) {
    this.#handles = handles;
  }

  /** @internal The open handles, which stay this object's. */
  get handles(): readonly NamespaceHandle[] {
    return this.#handles;
  }

  /** The handle of one of the namespaces, which stays this object's; null for a type that is not among them. */
  namespace(type: NamespaceType): NamespaceHandle | null {
    return this.#handles.find((handle) => handle.type === type) ?? null;
  }

  /** Starts a command in them; see `enter`. */
  spawn(command: string, args: readonly string[] = [], spec: EnterSpec = {}): ResultAsync<Child, EnterError> {
    return enter(this.#handles, command, args, spec);
  }

  /** Runs a command in them to its end, and collects what it wrote; see `run`. */
  run(
    command: string,
    args: readonly string[] = [],
    spec: KeptRunSpec = {},
  ): ResultAsync<RunResult, EnterError | RunError> {
    return collected(spec, (whole) => this.spawn(command, args, whole));
  }

  /** Lets go of them: they end with the last process that is in them. May be called more than once. */
  close(): void {
    for (const handle of this.#handles) handle.close();
  }

  /** The same as {@link KeptNamespaces.close}. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Runs in new namespaces until they are held by files. */
const KEEPER = 'cat';

const openAll = (child: Child, types: readonly NamespaceType[]): Result<readonly NamespaceHandle[], EnterError> => {
  const handles: NamespaceHandle[] = [];
  for (const type of types) {
    const opened = openNamespace({ process: child, type });
    if (opened.isErr()) {
      for (const handle of handles) handle.close();
      return err(opened.error);
    }
    handles.push(opened.value);
  }
  return ok(handles);
};

/**
 * Makes namespaces, and keeps them.
 *
 * @param spec - the new namespaces, and what they are to be given
 * @param inside - namespaces to be entered before; a user namespace among them is kept with the new ones
 */
export const keepNew = (
  spec: SpawnSpec,
  inside: readonly NamespaceHandle[] = [],
): ResultAsync<readonly NamespaceHandle[], EnterError> => {
  const entered = inside.filter(({ type }) => type === 'user').map(({ type }) => type);
  const made = new Set<NamespaceType>([...(spec.namespaces ?? []), ...entered]);
  const stdio = ['pipe', 'ignore', 'ignore'] as const;
  const start = (): ResultAsync<Child, EnterError> =>
    inside.length === 0
      ? spawn(KEEPER, [], { ...spec, stdio }).mapErr((error): EnterError => error)
      : enter(inside, KEEPER, [], { ...spec, stdio });
  const keep = async (): Promise<Result<readonly NamespaceHandle[], EnterError>> => {
    const child = await start();
    if (child.isErr()) return err(child.error);
    const handles = openAll(
      child.value,
      NAMESPACE_TYPES.filter((type) => made.has(type)),
    );
    await child.value[Symbol.asyncDispose]();
    return handles;
  };
  return new ResultAsync(keep());
};
