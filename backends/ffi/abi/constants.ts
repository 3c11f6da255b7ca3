/**
 * Constants that x86-64 and arm64 share, by the header they stand in. Flags are tables, so that a program can be
 * printed with their names.
 */

/** linux/sched.h, beside the CLONE_NEW* flags of lib/namespace.ts. */
export const CLONE = {
  CLONE_VM: 0x100,
  CLONE_FS: 0x200,
  CLONE_PIDFD: 0x1000,
  CLONE_VFORK: 0x4000,
  CLONE_PARENT: 0x8000,
  CLONE_PARENT_SETTID: 0x100000,
} as const;

/** linux/sched.h, for clone3(2) only: no handler of the caller's is left in the child; since Linux 5.5. */
export const CLONE_CLEAR_SIGHAND = 2 ** 32;

/** linux/sched.h, for clone3(2) only: the child starts in the cgroup whose directory is open; since Linux 5.7. */
export const CLONE_INTO_CGROUP = 2 ** 33;

/** asm-generic/fcntl.h */
export const OPEN = {
  O_RDONLY: 0,
  O_WRONLY: 1,
  O_RDWR: 2,
  O_CREAT: 0o100,
  O_EXCL: 0o200,
  O_NOCTTY: 0o400,
  O_NONBLOCK: 0o4000,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  O_ASYNC: 0o20000,
} as const;
/** asm/fcntl.h: a flag whose number is not that of asm-generic on arm64. */
export const O_NOFOLLOW = { x64: 0o400000, arm64: 0o100000 } as const;

/** asm-generic/fcntl.h, linux/fcntl.h */
export const FCNTL = {
  F_SETFD: 2,
  F_SETFL: 4,
  F_SETOWN: 8,
  F_SETSIG: 10,
  F_DUPFD_CLOEXEC: 1030,
  F_ADD_SEALS: 1033,
} as const;
/** linux/fcntl.h */
export const SEALS = { F_SEAL_SEAL: 1, F_SEAL_SHRINK: 2, F_SEAL_GROW: 4, F_SEAL_WRITE: 8 } as const;
/** linux/fcntl.h */
export const AT = { AT_FDCWD: -100, AT_SYMLINK_NOFOLLOW: 0x100, AT_EMPTY_PATH: 0x1000, AT_RECURSIVE: 0x8000 } as const;

/** linux/memfd.h; MFD_EXEC since Linux 6.3 */
export const MEMFD = { MFD_CLOEXEC: 1, MFD_ALLOW_SEALING: 2, MFD_EXEC: 0x10 } as const;

/** linux/mount.h */
export const MOUNT = {
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_REMOUNT: 0x20,
  MS_NOATIME: 0x400,
  MS_NODIRATIME: 0x800,
  MS_BIND: 0x1000,
  MS_REC: 0x4000,
  MS_UNBINDABLE: 1 << 17,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MS_SHARED: 1 << 20,
  MS_RELATIME: 1 << 21,
} as const;

/** linux/mount.h; since Linux 5.12 */
export const MOUNT_ATTR = {
  MOUNT_ATTR_RDONLY: 1,
  MOUNT_ATTR_NOSUID: 2,
  MOUNT_ATTR_NODEV: 4,
  MOUNT_ATTR_NOEXEC: 8,
  MOUNT_ATTR_IDMAP: 0x100000,
} as const;
/** struct mount_attr of linux/mount.h: attr_set, attr_clr, propagation, userns_fd. */
export const MOUNT_ATTR_SIZE = 32;
/** linux/mount.h; since Linux 5.2 */
export const OPEN_TREE = {
  OPEN_TREE_CLONE: 1,
  OPEN_TREE_CLOEXEC: 0o2000000,
  AT_EMPTY_PATH: 0x1000,
  AT_RECURSIVE: 0x8000,
} as const;
/** linux/mount.h; since Linux 5.2 */
export const MOVE_MOUNT = { MOVE_MOUNT_F_EMPTY_PATH: 4, MOVE_MOUNT_T_EMPTY_PATH: 0x40 } as const;
/** linux/fs.h */
export const UMOUNT = { MNT_DETACH: 2, UMOUNT_NOFOLLOW: 8 } as const;
/** linux/openat2.h; since Linux 5.6 */
export const RESOLVE = { RESOLVE_NO_MAGICLINKS: 2, RESOLVE_IN_ROOT: 0x10 } as const;
/** struct open_how of linux/openat2.h: flags, mode, resolve. */
export const OPEN_HOW_SIZE = 24;
/** linux/stat.h */
export const S_IFREG = 0o100000;
/** Room for a struct stat of asm/stat.h, on any architecture. */
export const STAT_SIZE = 144;

/** asm-generic/signal.h */
export const SIG = { SIG_SETMASK: 2, SIGKILL: 9, SIGPIPE: 13, SIGCHLD: 17, SIGSTOP: 19, SIGXFSZ: 25 } as const;

/** linux/nsfs.h; the first four since Linux 4.9 to 4.11, NS_GET_MNTNS_ID since 6.8, NS_GET_ID since 6.18 */
export const NSFS = {
  NS_GET_USERNS: 0xb701,
  NS_GET_PARENT: 0xb702,
  NS_GET_NSTYPE: 0xb703,
  NS_GET_OWNER_UID: 0xb704,
  NS_GET_MNTNS_ID: 0x8008b705,
  NS_GET_ID: 0x8008b70d,
} as const;

/** linux/sockios.h */
export const SOCKIOS = { SIOCGSKNS: 0x894c } as const;

/** linux/pidfd.h: a pidfd of one thread; since Linux 6.9. */
export const PIDFD_THREAD = 0x80;

/** linux/pidfd.h: what opens a namespace of the process behind a pidfd; since Linux 6.11. */
export const PIDFD_NAMESPACES = {
  PIDFD_GET_CGROUP_NAMESPACE: 0xff01,
  PIDFD_GET_IPC_NAMESPACE: 0xff02,
  PIDFD_GET_MNT_NAMESPACE: 0xff03,
  PIDFD_GET_NET_NAMESPACE: 0xff04,
  PIDFD_GET_PID_NAMESPACE: 0xff05,
  PIDFD_GET_TIME_NAMESPACE: 0xff07,
  PIDFD_GET_USER_NAMESPACE: 0xff09,
  PIDFD_GET_UTS_NAMESPACE: 0xff0a,
} as const;

/** linux/exportfs.h, linux/fcntl.h, linux/nsfs.h: handles of namespaces; since Linux 6.18. */
export const NSFS_HANDLE = {
  FD_NSFS_ROOT: -10003,
  FILEID_NSFS: 0xf1,
  /** struct nsfs_file_handle: u64 ns_id, u32 ns_type, u32 ns_inum. */
  size: 16,
} as const;

/** linux/magic.h */
export const PID_FS_MAGIC = 0x50494446;

/** linux/ipc.h, linux/sem.h, linux/shm.h */
export const IPC = {
  IPC_RMID: 0,
  IPC_STAT: 2,
  GETPID: 11,
  GETVAL: 12,
  GETALL: 13,
  GETNCNT: 14,
  GETZCNT: 15,
  SETALL: 17,
  IPC_CREAT: 0o1000,
  IPC_EXCL: 0o2000,
  IPC_NOWAIT: 0o4000,
  SHM_RDONLY: 0o10000,
} as const;
/** linux/mount.h; since Linux 5.2 */
export const FSCONFIG = { FSCONFIG_CMD_CREATE: 6 } as const;

/** linux/prctl.h */
export const PRCTL = {
  PR_SET_PDEATHSIG: 1,
  PR_SET_DUMPABLE: 4,
  PR_SET_KEEPCAPS: 8,
  PR_CAPBSET_DROP: 24,
  PR_SET_SECUREBITS: 28,
  PR_SET_NO_NEW_PRIVS: 38,
  PR_CAP_AMBIENT: 47,
  PR_CAP_AMBIENT_RAISE: 2,
  PR_CAP_AMBIENT_CLEAR_ALL: 4,
} as const;

/** _LINUX_CAPABILITY_VERSION_3 of linux/capability.h */
export const CAPABILITY_VERSION_3 = 0x20080522;

/** linux/seccomp.h */
export const SECCOMP = { SECCOMP_SET_MODE_FILTER: 1 } as const;

/** linux/close_range.h; since Linux 5.11 */
export const CLOSE_RANGE = { CLOSE_RANGE_CLOEXEC: 4 } as const;

/** linux/time.h */
export const CLOCK = { CLOCK_MONOTONIC: 1 } as const;

/** linux/wait.h */
export const WAIT = { WNOHANG: 1, WEXITED: 4, WNOWAIT: 0x1000000, __WALL: 0x40000000 } as const;
/** struct siginfo of asm-generic/siginfo.h: si_pid of a child, and the size of all. */
export const SIGINFO = { pid: 16, size: 128 } as const;
/** asm-generic/ioctls.h; TIOCGPTPEER since Linux 4.13 */
export const IOCTL = { TIOCSCTTY: 0x540e, TIOCSWINSZ: 0x5414, TIOCSPTLCK: 0x40045431, TIOCGPTPEER: 0x5441 } as const;
/** linux/socket.h */
export const AF_UNIX = 1;
/** linux/net.h */
export const SOCK_STREAM_CLOEXEC = 0o2000001;
/** linux/socket.h */
export const MSG = { MSG_DONTWAIT: 0x40, MSG_NOSIGNAL: 0x4000, MSG_CMSG_CLOEXEC: 0x40000000 } as const;
/** struct cmsghdr of linux/socket.h with one fd: its length, the room it takes, where the fd stands. */
export const CMSG = { SOL_SOCKET: 1, SCM_RIGHTS: 1, length: 20, space: 24, data: 16 } as const;
/** asm-generic/poll.h */
export const POLL = { POLLIN: 1 } as const;

/** struct clone_args of linux/sched.h: offsets of what is filled in, and the size of its second version. */
export const CLONE_ARGS = { flags: 0, pidfd: 8, parentTid: 24, exitSignal: 32, cgroup: 80, size: 88 } as const;

/** struct rusage of linux/resource.h, 64-bit: offsets and size; ru_maxrss is in KiB. */
export const RUSAGE = {
  userSeconds: 0,
  userMicros: 8,
  systemSeconds: 16,
  systemMicros: 24,
  maxRssKib: 32,
  size: 144,
} as const;

/** The kernel's struct sigaction: handler, flags, restorer, mask of 8 bytes; all zero is SIG_DFL. */
export const KERNEL_SIGACTION_SIZE = 32;
/** The kernel's sigset_t. */
export const KERNEL_SIGSET_SIZE = 8;

/** linux/socket.h, linux/net.h: what an ioctl on an interface is made through. */
export const SOCKET = { AF_INET: 2, SOCK_DGRAM: 2, SOCK_CLOEXEC: 0o2000000 } as const;
/** linux/sockios.h */
export const SIOCSIFFLAGS = 0x8914;
/** struct ifreq of linux/if.h: the name, the flags, and the size. */
export const IFREQ = { name: 0, flags: 16, size: 40 } as const;
/** linux/if.h: IFF_UP and IFF_RUNNING. */
export const IFF_UP_RUNNING = 0x41;

/** struct stat begins alike on x86-64 and on arm64: st_dev, st_ino. */
export const STAT = { inode: 8, size: 144 } as const;
