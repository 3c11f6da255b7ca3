/** What mount events pass between a new mount namespace and the one it was copied from; mount_namespaces(7). */
export type Propagation = 'private' | 'slave' | 'shared' | 'unchanged';

/** The propagation of a single mount; mount_namespaces(7). */
export type MountPropagation = 'private' | 'slave' | 'shared' | 'unbindable';

/** What every entry of `mounts` has. */
interface MountEntry {
  /** Where: an absolute path, below the new root where there is one. With `root`, what is missing of it is made. */
  readonly target: string;
  /** When it cannot be done, the set-up goes on with the next entry. */
  readonly optional?: boolean;
}

/** What a mount does not let happen; mount(2). */
export interface MountFlags {
  readonly readOnly?: boolean;
  readonly noSuid?: boolean;
  readonly noDev?: boolean;
  readonly noExec?: boolean;
}

/** A directory or file that is seen in another place, too. */
export interface BindMount extends MountEntry, MountFlags {
  readonly type: 'bind';
  /** What is bound, as the caller sees it; a relative path begins at the caller's working directory. */
  readonly source: string;
  /** Takes all mounts below the source along; true when left out. In a new user namespace there is no other way. */
  readonly recursive?: boolean;
  /** `private` when left out, as all mounts inside. */
  readonly propagation?: MountPropagation;
  /**
   * A user namespace, as a file like `/proc/PID/ns/user`, by whose maps the owners of all files are translated. Takes
   * CAP_SYS_ADMIN over the file system. Since Linux 5.12, and per file system.
   */
  readonly idMap?: string;
}

/** A new file system in memory. */
export interface TmpfsMount extends MountEntry, MountFlags {
  readonly type: 'tmpfs';
  /** The most that it holds, bytes; half of the machine's memory when left out. */
  readonly sizeBytes?: number;
  /** Permissions of its root directory; 0o1777 when left out, as mount(8) has it. */
  readonly mode?: number;
  readonly propagation?: MountPropagation;
}

/** The processes of the child's pid namespace; nosuid, nodev and noexec. */
export interface ProcMount extends MountEntry {
  readonly type: 'proc';
  readonly readOnly?: boolean;
  /** Whose processes are seen: `noaccess` (1), `invisible` (2) or `ptraceable` (4, since Linux 5.8); proc(5). */
  readonly hidepid?: 'off' | 'noaccess' | 'invisible' | 'ptraceable';
  /** `pid`: nothing but processes. Since Linux 5.8. */
  readonly subset?: 'pid';
}

/** A file system of the kernel that takes no further options; nosuid, nodev (not devpts) and noexec. */
export interface KernelMount extends MountEntry {
  readonly type: 'sysfs' | 'devpts' | 'mqueue' | 'cgroup2';
  readonly readOnly?: boolean;
}

/** Directories laid over each other; overlayfs. In a new user namespace since Linux 5.11. */
export interface OverlayMount extends MountEntry, MountFlags {
  readonly type: 'overlay';
  /** What is below, topmost first, as the caller sees it. */
  readonly lower: readonly string[];
  /** Where changes go; left out with at least two lower directories: read-only. `tmpfs`: to memory, gone with the child. */
  readonly upper?: string | { readonly type: 'tmpfs' };
  /** An empty directory on the file system of `upper`; wants `upper` to be a path, and is wanted by it. */
  readonly work?: string;
}

/** A small /dev: a tmpfs with null, zero, full, random, urandom, tty, a devpts of its own, shm and the usual links. */
export interface DevMount extends MountEntry {
  readonly type: 'dev';
}

/** A file with the given content, in memory; it covers what is there. */
export interface FileMount extends MountEntry {
  readonly type: 'file';
  readonly content: string | Uint8Array;
  /** Permissions; 0o644 when left out. */
  readonly mode?: number;
  readonly readOnly?: boolean;
}

/** A symbolic link, made in the file system that is there. */
export interface SymlinkEntry extends MountEntry {
  readonly type: 'symlink';
  /** What it says. */
  readonly to: string;
}

/** A directory, with those above it, made in the file system that is there. */
export interface DirectoryEntry extends MountEntry {
  readonly type: 'directory';
  /** Permissions; 0o755 when left out. A directory that is there keeps its own. */
  readonly mode?: number;
}

/** A change of what is there. */
export interface ChangeEntry extends MountEntry {
  /**
   * - `mask`: an empty read-only directory, or /dev/null, covers the target
   * - `read-only`: the target and all mounts below it become read-only
   * - `unmount`: the mount at the target is taken away, with all below it
   */
  readonly type: 'mask' | 'read-only' | 'unmount';
}

/** The propagation of a mount that is there, and of all below it. */
export interface PropagationEntry extends MountEntry {
  readonly type: 'propagation';
  readonly propagation: MountPropagation;
}

/** One entry of `mounts`. */
export type MountSpec =
  | BindMount
  | TmpfsMount
  | ProcMount
  | KernelMount
  | OverlayMount
  | DevMount
  | FileMount
  | SymlinkEntry
  | DirectoryEntry
  | ChangeEntry
  | PropagationEntry;

/** The flags of a mount, all filled in. */
export type MountAttributes = Readonly<Required<MountFlags>>;

/** What every checked entry has. */
export interface MountPlanEntry {
  /** Without `.`, `..` and doubled slashes. */
  readonly target: string;
  readonly optional: boolean;
  /** What is missing of the target is made. */
  readonly create: boolean;
}

/** A checked entry of `mounts`. */
export type MountPlan = MountPlanEntry &
  (
    | {
        readonly type: 'bind';
        readonly source: string;
        readonly recursive: boolean;
        readonly attributes: MountAttributes;
        readonly propagation: MountPropagation | null;
        readonly idMap: string | null;
      }
    | {
        readonly type: 'filesystem';
        readonly filesystem: 'tmpfs' | 'proc' | 'sysfs' | 'devpts' | 'mqueue' | 'cgroup2';
        readonly attributes: MountAttributes;
        /** Its options, as mount(2) takes them; empty for none. */
        readonly data: string;
        readonly propagation: MountPropagation | null;
      }
    | {
        readonly type: 'overlay';
        /** Its options, as mount(2) takes them. */
        readonly data: string;
        /** The directories for changes are still to be made, in memory, and to be added to the options. */
        readonly inMemory: boolean;
        readonly attributes: MountAttributes;
      }
    | { readonly type: 'dev' }
    | {
        readonly type: 'file';
        /** One character for each byte. */
        readonly content: string;
        readonly mode: number;
        readonly readOnly: boolean;
      }
    | { readonly type: 'symlink'; readonly to: string }
    | { readonly type: 'directory'; readonly mode: number }
    | { readonly type: 'mask' }
    | { readonly type: 'read-only' }
    | { readonly type: 'unmount' }
    | { readonly type: 'propagation'; readonly propagation: MountPropagation }
  );

/** How the root directory is changed; pivot_root(2), chroot(2). */
export type RootMethod = 'pivot_root' | 'chroot';

/** A new root directory: a path, or more to be said of it. */
export type RootSpec =
  | string
  | {
      /** A directory that is there. */
      readonly type: 'bind';
      readonly source: string;
      /** Read-only once all mounts are made; mounts keep what they have. Wants `mnt`. */
      readonly readOnly?: boolean;
      /**
       * `pivot_root` when left out, and the old root is unmounted: nothing of it can be reached. `chroot` without a mount
       * namespace of the child's own, or where its mounts stay shared: there pivot_root is impossible.
       */
      readonly method?: RootMethod;
    }
  | {
      /** An empty directory in memory, for `mounts` to fill. Wants `mnt`. */
      readonly type: 'tmpfs';
      /** The most that it holds, bytes; half of the machine's memory when left out. */
      readonly sizeBytes?: number;
      readonly readOnly?: boolean;
    };

/** A checked root. */
export type RootPlan = {
  readonly method: RootMethod;
  readonly readOnly: boolean;
} & (
  | { readonly type: 'bind'; readonly source: string }
  | {
      readonly type: 'tmpfs';
      /** Options, as mount(2) takes them. */
      readonly data: string;
    }
);
