import { createShellBackend } from '../../backends/shell/index.ts';
import type { ShellKind } from '../../backends/shell/shells.ts';
import { findTools, type Tools } from '../../backends/shell/tools.ts';
import { type Backend, type NamespaceType, type SpawnSpec, spawn } from '../../lib/index.ts';
import { closeInherited } from '../close-inherited.ts';
import { PRIVILEGED } from '../contract/caller.ts';
import { value } from '../contract/outcome.ts';

closeInherited();

const found = findTools();

/** What this machine has; null where the backend is not available. */
const TOOLS_HERE: Tools | null = found.unwrapOr(null);

/** Why nothing of this can be tried here; false when it can. */
export const UNAVAILABLE: string | false = found.isErr() ? found.error : false;

/** The shells of this machine that a spawn may end in. */
export const SHELLS_HERE: readonly ShellKind[] = TOOLS_HERE?.shells.map(({ kind }) => kind) ?? [];

/** A backend that sees a machine with some tools changed. */
export const backendWith = (change: (tools: Tools) => Tools): Backend =>
  createShellBackend(() => findTools().map(change));

/** A backend that has one shell only. */
export const backendIn = (kind: ShellKind): Backend => {
  const tools = TOOLS_HERE;
  return createShellBackend(() =>
    found.map((all) => ({ ...(tools ?? all), shells: all.shells.filter((shell) => shell.kind === kind) })),
  );
};

/** A spec with these namespaces that whoever runs the test may have. */
export const made = (backend: Backend, types: readonly NamespaceType[], more: SpawnSpec = {}): SpawnSpec =>
  PRIVILEGED || types.includes('user')
    ? { backend, namespaces: types, ...more }
    : { backend, namespaces: [...types, 'user'], mapRootUser: true, ...more };

/** What a command writes on its stdout until all that hold it have ended. */
export const output = async (command: string, args: readonly string[], spec: SpawnSpec): Promise<string> => {
  const child = await value(spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'], ...spec }));
  const chunks: Buffer[] = [];
  for await (const chunk of child.stdout ?? []) chunks.push(chunk as Buffer);
  (await child.exit)._unsafeUnwrap();
  return Buffer.concat(chunks).toString();
};
