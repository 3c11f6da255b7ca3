/** What the kernel says of one namespace type; the words of namespaces(7). */
export interface NamespaceFacts {
  /** The clone flag's name. */
  readonly cloneName: `CLONE_NEW${string}`;
  /** The clone flag's value, as in linux/sched.h. */
  readonly cloneFlag: number;
  /** The long option of unshare(1) and nsenter(1). */
  readonly option: string;
  /** The short option of unshare(1). */
  readonly letter: string;
  /** What it isolates. */
  readonly isolates: string;
  /** The first Linux in which it was complete. */
  readonly since: string;
}

/** The eight namespace types, named as their files in /proc/PID/ns. */
export const NAMESPACES = {
  cgroup: {
    cloneName: 'CLONE_NEWCGROUP',
    cloneFlag: 0x02000000,
    option: 'cgroup',
    letter: 'C',
    isolates: 'the cgroup root directory',
    since: '4.6',
  },
  ipc: {
    cloneName: 'CLONE_NEWIPC',
    cloneFlag: 0x08000000,
    option: 'ipc',
    letter: 'i',
    isolates: 'System V IPC, POSIX message queues',
    since: '2.6.30',
  },
  mnt: {
    cloneName: 'CLONE_NEWNS',
    cloneFlag: 0x00020000,
    option: 'mount',
    letter: 'm',
    isolates: 'mount points',
    since: '2.4.19',
  },
  net: {
    cloneName: 'CLONE_NEWNET',
    cloneFlag: 0x40000000,
    option: 'net',
    letter: 'n',
    isolates: 'network devices, stacks, ports',
    since: '2.6.29',
  },
  pid: {
    cloneName: 'CLONE_NEWPID',
    cloneFlag: 0x20000000,
    option: 'pid',
    letter: 'p',
    isolates: 'process ids',
    since: '2.6.24',
  },
  time: {
    cloneName: 'CLONE_NEWTIME',
    cloneFlag: 0x00000080,
    option: 'time',
    letter: 'T',
    isolates: 'monotonic and boot-time clocks',
    since: '5.6',
  },
  user: {
    cloneName: 'CLONE_NEWUSER',
    cloneFlag: 0x10000000,
    option: 'user',
    letter: 'U',
    isolates: 'user and group ids, capabilities',
    since: '3.8',
  },
  uts: {
    cloneName: 'CLONE_NEWUTS',
    cloneFlag: 0x04000000,
    option: 'uts',
    letter: 'u',
    isolates: 'host name and NIS domain name',
    since: '2.6.19',
  },
} as const satisfies Readonly<Record<string, NamespaceFacts>>;

/** A namespace type, named as its file in /proc/PID/ns. */
export type NamespaceType = keyof typeof NAMESPACES;

/** All namespace types, in the order of the alphabet. */
export const NAMESPACE_TYPES = Object.keys(NAMESPACES) as readonly NamespaceType[];

/** Tells whether a value is the name of a namespace type. */
export const isNamespaceType = (value: unknown): value is NamespaceType =>
  typeof value === 'string' && Object.hasOwn(NAMESPACES, value);

/** The clone flags of a set of types, or-ed together. */
export const cloneFlags = (types: Iterable<NamespaceType>): number => {
  let flags = 0;
  for (const type of types) flags |= NAMESPACES[type].cloneFlag;
  return flags;
};
