/** Names that every machine may have: they tell nothing about who uses it. */
const COMMON_NAMES: ReadonlySet<string> = new Set(
  [
    '. .. bin boot dev etc home lib lib32 lib64 libexec media mnt nix opt proc root run sbin snap srv store sys tmp usr var',
    'Users app apps binfmt_misc cache config containers containerd data diff docker hugepages kubelet lib local lock log lxc',
    'lxcfs merged modules mqueue newroot node nodejs nvm .nvm overlay overlay2 overlay-containers pods pts rootfs secrets',
    'share shm src storage systemd user versions volumes workspace _data',
    'console fuse kmsg null tty zero full random urandom hosts hostname resolv.conf os-release passwd subuid subgid',
    'nsswitch.conf machine-id timezone localtime termination-log',
    'bash bwrap busybox chrome crun dockerd ip mount newgidmap newuidmap nsenter podman runc sh umount unshare',
    'blkio cpu cpuacct cpu,cpuacct cpuset cgroup devices freezer hugetlb memory misc net_cls net_prio net_cls,net_prio',
    'perf_event pids rdma unified',
  ].flatMap((line) => line.split(' ')),
);

/** Groups of processes that engines and systemd(1) name on every machine. */
const COMMON_CGROUPS =
  /^(?:(?:user|system|machine|app|session|background|kubepods|kubepods-burstable|kubepods-besteffort)\.slice|init\.scope|user-\d+\.slice|user@\d+\.service|session-[\dc]+\.scope|docker|kubepods|burstable|besteffort|lxc|libpod_parent|payload|buildkit)$/;

/** What stays of the name of another one: who made it, and what it is. */
const CGROUP_PARTS =
  /^(docker-|libpod-|crio-|cri-containerd-|kubepods-(?:burstable-|besteffort-)?|lxc\.(?:payload|monitor)\.|machine-|app-|snap\.|run-)?.*?(\.service|\.scope|\.slice)?$/;

/** Labels of AppArmor that come with a distribution or an engine. */
const COMMON_LABELS =
  /^(?:unconfined|docker-default|(?:cri-containerd|crio-default|containers-default)[\w.-]*|lxc-container-default[\w-]*|unprivileged_userns|(?:unpriv_)?(?:bwrap|unshare)(?:-userns-restrict)?|linux-namespaces|node)$/;

/** Users of SELinux that its policies have by themselves. */
const COMMON_SELINUX_USERS = /^(?:system|unconfined|staff|user|sysadm|guest|xguest)_u$|^root$/;

/** Accounts that every machine has, and ranges of ids may be given to. */
const COMMON_ACCOUNTS: ReadonlySet<string> = new Set(['root', 'nobody', '']);

/** Gives each name a number of its own, the same wherever it stands. */
const numbered = (prefix: string): ((name: string) => string) => {
  const known = new Map<string, string>();
  return (name) => {
    const given = known.get(name) ?? `${prefix}${known.size + 1}`;
    known.set(name, given);
    return given;
  };
};

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** A name by itself, and not as a part of the kernel's own paths: a host may be called `vm`. */
const wholly = (name: string): RegExp =>
  new RegExp(`(?<![\\w-])(?<!/(?:proc|sys)/[\\w/.-]*)${escaped(name)}(?![\\w-])`, 'g');

/** Whether the name of an account tells who somebody is. */
export const isPersonal = (name: string): boolean => !COMMON_ACCOUNTS.has(name) && !/^\d+$/.test(name);

/** How each kind of word is written in a redacted snapshot. Equal words stay equal. */
export interface Redactor {
  readonly account: (name: string) => string;
  /** Keeps which directory is above which. */
  readonly path: (path: string) => string;
  readonly cgroup: (path: string) => string;
  /** The label of a process, with the mode behind it. */
  readonly label: (text: string) => string;
  /** A line of a log, or what a tool said. */
  readonly text: (text: string) => string;
}

/**
 * Makes one for a machine.
 *
 * @param names - of its users
 * @param hostname - its name, where it is known
 */
export const redactorFor = (names: ReadonlySet<string>, hostname: string | undefined): Redactor => {
  const user = numbered('user');
  const dir = numbered('dir');
  const profile = numbered('profile');
  const account = (name: string): string => (isPersonal(name) ? user(name) : name);
  const component = (name: string): string => {
    if (name === '' || COMMON_NAMES.has(name)) return name;
    return names.has(name) ? user(name) : dir(name);
  };
  const path = (text: string): string => {
    // A namespace that is mounted has no path.
    if (!text.startsWith('/')) return /^\w+:\[\d+\]$/.test(text) ? text : dir(text);
    // What is there is the kernel's, but for groups of processes.
    if (/^\/(?:proc|sys)(?:\/|$)/.test(text) && !text.startsWith('/sys/fs/cgroup/')) return text;
    const [kept, rest] = text.startsWith('/sys/fs/cgroup/') ? ['/sys/fs', text.slice('/sys/fs'.length)] : ['', text];
    return `${kept}${rest.split('/').map(component).join('/')}`;
  };
  const cgroupName = (name: string): string => {
    if (name === '' || COMMON_CGROUPS.test(name)) return name;
    const [, maker = '', kind = ''] = CGROUP_PARTS.exec(name) ?? [];
    return `${maker}${dir(name)}${kind}`;
  };
  const label = (text: string): string => {
    const [, name = '', mode = ''] = /^(.*?)( \([a-z]+\))?$/.exec(text.trim()) ?? [];
    if (COMMON_LABELS.test(name) || name === '') return text;
    const selinux = /^([^:\s]+):([^:\s]+:[^:\s]+(?::.*)?)$/.exec(name);
    if (selinux !== null) return `${COMMON_SELINUX_USERS.test(selinux[1] ?? '') ? selinux[1] : 'user_u'}:${selinux[2]}`;
    if (name.startsWith('/')) return `${path(name)}${mode}`;
    const maker = /^(?:snap\.|lxc-|lxd-|incus-)/.exec(name)?.[0] ?? '';
    return `${maker}${profile(name)}${mode}`;
  };
  const host = hostname === undefined || hostname === 'localhost' ? [] : [hostname, hostname.split('.')[0] ?? ''];
  const words: readonly (readonly [RegExp, string | ((found: string) => string)])[] = [
    // Who built the kernel, and where.
    [/\([\w.+-]+@[\w.+-]+\)/g, '(builder@host)'],
    [/\b[a-z][a-z\d+.-]*:\/\/[^\s"')]+/gi, 'URL'],
    [/\b[\w.+-]+@(?!\d+\.)[\w-]+\.[\w.-]+/g, 'name@host'],
    ...host.filter((name) => name !== '').map((name) => [wholly(name), 'host'] as const),
    ...[...names].map((name) => [wholly(name), () => user(name)] as const),
    [/\b[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}\b/gi, 'UUID'],
    [/\b[\da-f]{24,}\b/gi, 'ID'],
    [/\b(?:[\da-f]{1,4}:){4,7}[\da-f]{1,4}\b/gi, 'ADDRESS'],
    [/(?<![\w.-])\d{1,3}(?:\.\d{1,3}){3}(?![\w.-])/g, 'ADDRESS'],
    [
      /\b(?:profile|label|target)="[^"]*"/g,
      (found) => found.replace(/"(.*)"/, (_, name: string) => `"${label(name)}"`),
    ],
    [
      /\b(?:comm|exe|dev)="[^"]*"/g,
      (found) =>
        found.replace(/"(.*)"/, (_, name: string) => `"${name.startsWith('/') ? path(name) : component(name)}"`),
    ],
    [/(?<![\w.:/])\/[^\s"'’`:,;()[\]<>=|]+/g, path],
  ];
  const text = (whole: string): string =>
    words.reduce((rest, [pattern, by]) => rest.replace(pattern, typeof by === 'string' ? () => by : by), whole);
  return {
    account,
    path,
    cgroup: (whole) => whole.split('/').map(cgroupName).join('/'),
    label,
    text,
  };
};
