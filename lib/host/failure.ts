import type { ErrnoName } from '../errno.ts';
import type { NamespaceType } from '../namespace.ts';
import type { FailureStep } from '../probe.ts';

/** A step that failed, as far as a backend knows it. */
export interface Failure {
  readonly step: FailureStep;
  /** null when a tool said only words. */
  readonly errno: ErrnoName | `errno ${number}` | null;
  /** The types that the failing call was to make; for a later step, those that the child has. */
  readonly namespaces: readonly NamespaceType[];
  /** All types that the spec asked for; `namespaces` when left out. Tells a missing capability from one that was taken. */
  readonly requested?: readonly NamespaceType[];
  /** Nobody said which namespaces were wanted: these are what such a tool mostly makes. */
  readonly isAssumed?: boolean;
  /** The file or directory that the call was about. */
  readonly path?: string | null;
  /** The system call by its own name, where the step leaves it open. */
  readonly syscall?: string | null;
  /** What the tool said. */
  readonly text?: string | null;
  /** The type of the filesystem that was to be mounted. */
  readonly filesystem?: string | null;
  /** Nobody saw it: it is asked what would be behind it. Its errno is no evidence. */
  readonly isHypothetical?: boolean;
  /** It fails now and then, and works in between. */
  readonly isIntermittent?: boolean;
}

/** Whether the errno is one of these; a tool that gave none leaves every cause open. */
export const said = (failure: Failure, ...names: readonly ErrnoName[]): boolean =>
  failure.errno === null || names.some((name) => name === failure.errno);

/** Whether the step was to make namespaces, or a plain child. */
export const isMaking = ({ step }: Failure): boolean => step === 'clone' || step === 'unshare';

/** Whether the failing call was to make a namespace of this type. */
export const makes = (failure: Failure, type: NamespaceType): boolean =>
  isMaking(failure) && failure.namespaces.includes(type);

/** Whether the child was to have a namespace of this type. */
export const asksFor = ({ namespaces, requested }: Failure, type: NamespaceType): boolean =>
  (requested ?? namespaces).includes(type) || namespaces.includes(type);

const PRIVILEGED_STEPS: ReadonlySet<FailureStep> = new Set([
  'id-map',
  'unshare',
  'credentials',
  'network',
  'propagation',
  'mount-proc',
  'hostname',
  'domainname',
  'mount',
  'root',
  'network',
  'setns',
  'time-offsets',
]);

/** Whether the step takes a capability inside the new namespaces. */
export const isPrivilegedInside = ({ step }: Failure): boolean => PRIVILEGED_STEPS.has(step);

/** Filesystems that a user namespace may mount without any other. */
const FREE: ReadonlySet<string> = new Set(['tmpfs', 'ramfs', 'devpts', 'binfmt_misc', 'fuse', 'overlay']);

/** Whether a filesystem may be mounted in any user namespace. */
export const isFreeFilesystem = (filesystem: string): boolean => FREE.has(filesystem);

/** Whether the step is a mount(2). */
export const isMount = ({ step }: Failure): boolean =>
  step === 'propagation' || step === 'mount-proc' || step === 'mount' || step === 'root';
