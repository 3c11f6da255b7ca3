import type { Test } from 'tap';
import type { NamespaceType } from '../../lib/index.ts';

/**
 * What a claim takes of the machine or of the caller; where it is missing, the claim is skipped with the reason.
 *
 * - `root`: CAP_SYS_ADMIN where the caller is
 * - `ordinary-user`: no CAP_SYS_ADMIN
 * - `namespaces`: root, or user namespaces for everybody
 * - `user-namespaces`: user namespaces for whoever runs this
 * - `nested-user-namespaces`: user namespaces for who is in one, and so has no privilege on the machine
 * - `overlay`: a kernel that lets whoever runs this mount overlay, if need be in a user namespace
 * - `id-ranges`: CAP_SETUID over ids up to 200,000
 * - `ns:time`: a kernel with that namespace type
 * - `tool:ipcmk`: a program in PATH
 * - `link:veth`: a kernel with that kind of network interface
 */
export type Need =
  | 'root'
  | 'ordinary-user'
  | 'namespaces'
  | 'user-namespaces'
  | 'nested-user-namespaces'
  | 'overlay'
  | 'id-ranges'
  | 'big-arguments'
  | `ns:${NamespaceType}`
  | `tool:${string}`
  | `link:${LinkKind}`;

/** Kinds of network interfaces that a kernel may have or not. */
export type LinkKind = 'veth' | 'bridge' | 'macvlan' | 'dummy';

/** One thing that the library promises, whichever backend does it. */
export interface Claim {
  /** Symbol and claim: `spawn() gives the command exactly the env of the spec`. */
  readonly title: string;
  readonly needs?: readonly Need[];
  /**
   * Backends that answer with `unsupported`, and why; `ffi:straight` is the ffi backend on that host. The claim is run
   * there all the same, and fails unless it is refused.
   */
  readonly unsupportedOn?: Readonly<Record<string, string>>;
  /** Backends of which the claim is not true, and the limit that they document; it is skipped there with that reason. */
  readonly notOn?: Readonly<Partial<Record<BackendName, string>>>;
  /** Shows by what can be observed that the claim holds on the backend of that name. */
  readonly run: (t: Test, backend: BackendName) => Promise<unknown>;
}

/** The name of a backend that claims are run on. */
export type BackendName = 'ffi' | 'shell';
