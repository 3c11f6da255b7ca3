import type { IdMapPlan } from './id-map.ts';
import type { NamespaceType } from './namespace.ts';

/** What mount events pass between a new mount namespace and the one it was copied from; mount_namespaces(7). */
export type Propagation = 'private' | 'slave' | 'shared' | 'unchanged';

/** One fd of the child: nothing (/dev/null), a pipe to us, or a copy of one of ours. */
export type StdioPlan =
  | { readonly type: 'ignore' }
  | { readonly type: 'pipe' }
  | { readonly type: 'fd'; readonly fd: number };

/** A spec that has been checked, with every default filled in: what backends get. */
export interface SpawnPlan {
  readonly command: string;
  /** argv, with argv[0]. */
  readonly argv: readonly string[];
  /** `NAME=value` strings; null: the caller's own environment. */
  readonly env: readonly string[] | null;
  /** Directories in which a command without a slash is looked for. */
  readonly searchPath: readonly string[];
  /** In the order of the alphabet, each once. */
  readonly namespaces: readonly NamespaceType[];
  readonly hostname: string | null;
  readonly domainname: string | null;
  /** null without a new mount namespace. */
  readonly propagation: Propagation | null;
  /** The directory on which proc is mounted. */
  readonly mountProc: string | null;
  /** null without maps. */
  readonly idMap: IdMapPlan | null;
  readonly cwd: string | null;
  readonly stdio: readonly StdioPlan[];
  readonly detached: boolean;
  /** A signal number. */
  readonly parentDeathSignal: number | null;
}
