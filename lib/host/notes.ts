/** Whom a cause stops. */
type Affected = 'everyone' | 'ordinary users' | 'who is in a container' | 'who makes the call';

/** What a person wants to know of a cause, beside what this machine says. */
export interface CauseNote {
  readonly affects: Affected;
  /** What the remedy opens, or costs; null: nothing. */
  readonly opens: string | null;
  /** How it shows: what tools say. */
  readonly symptoms: readonly string[];
  /** Where it was met, or is documented. */
  readonly references: readonly string[];
}

const note = (
  affects: Affected,
  opens: string | null,
  symptoms: readonly string[],
  references: readonly string[],
): CauseNote => ({ affects, opens, symptoms, references });

const issue = (repository: string, ...numbers: readonly number[]): readonly string[] =>
  numbers.map((number) => `https://github.com/${repository}/issues/${number}`);

const man = (page: string, section: number): string =>
  `https://man7.org/linux/man-pages/man${section}/${page}.${section}.html`;

const UNSHARE = (words: string): string => `unshare: unshare failed: ${words}`;
const EINVAL = UNSHARE('Invalid argument');
const EPERM = UNSHARE('Operation not permitted');
const ENOSPC = UNSHARE('No space left on device');
const NO_SANDBOX = 'chrome: No usable sandbox!';

/** What tools say where the kernel refuses a user namespace, each in its own way. */
const refused = (words: string, bwrap: string): readonly string[] => [
  UNSHARE(words),
  `bwrap: ${bwrap}`,
  `podman: cannot clone: ${words}`,
  `dockerd-rootless: [rootlesskit:parent] error: failed to start the child: fork/exec /proc/self/exe: ${words.toLowerCase()}`,
  `chrome: Failed to move to new namespace: PID namespaces supported, Network namespace supported, but failed: errno = ${words}`,
  NO_SANDBOX,
];

const BWRAP = 'bwrap: No permissions to create new namespace';
const REFUSED_EPERM = refused('Operation not permitted', 'No permissions to create new namespace');
const REFUSED_EACCES = refused('Permission denied', 'Creating new namespace failed: Permission denied');
const REFUSED_EINVAL = refused(
  'Invalid argument',
  'Creating new namespace failed, likely because the kernel does not support user namespaces',
);
const REFUSED_ENOSPC = refused(
  'No space left on device',
  'Creating new namespace failed: nesting depth or /proc/sys/user/max_*_namespaces exceeded (ENOSPC)',
);
const PODMAN_MAP = 'podman: cannot set up namespace using newuidmap: exit status 1';
const MAP_EPERM = 'newuidmap: write to uid_map failed: Operation not permitted';

const MORE_KERNEL =
  'Ordinary users reach kernel code that only root could reach before: most local root exploits of the last years began with a user namespace. On a machine with users that are not trusted, prefer a setuid helper or a policy for single programs.';
const KEEP_LIMIT = 'The limit is there to bound the kernel memory that users can take.';
const APPARMOR_OPENS = `The sysctl opens it for every program. ${MORE_KERNEL} The profile opens it for one program, and for every script that this program runs.`;
const LESS_SECCOMP =
  'The container gets system calls that its engine withholds on purpose; a kernel bug behind one of them is a way out of it.';

/** Notes by a cause's id; a gate holds that each cause has one. */
export const NOTES: Readonly<Record<string, CauseNote>> = {
  'el7-max-userns-zero': note(
    'everyone',
    MORE_KERNEL,
    [...REFUSED_EINVAL, 'podman: user namespaces are not enabled in /proc/sys/user/max_user_namespaces'],
    [...issue('containers/bubblewrap', 215, 216), ...issue('containers/podman', 7704)],
  ),
  'el7-userns-unusable-7.0-7.1': note(
    'everyone',
    MORE_KERNEL,
    [...REFUSED_EINVAL, 'docker: USER namespaces aren’t enabled in the kernel'],
    [...issue('moby/moby', 23573), ...issue('tailhook/vagga', 156)],
  ),
  'el7-userns-param-off': note(
    'everyone',
    MORE_KERNEL,
    [...REFUSED_EINVAL, 'docker with userns-remap: oci runtime error: exit status 1'],
    [...issue('systemd/systemd', 4583), ...issue('moby/moby', 22302, 25929)],
  ),
  'el7-mountns-in-userns-blocked-7.2-7.3': note(
    'ordinary users',
    null,
    [EPERM, 'ch-run: can’t init user+mount namespaces: Operation not permitted'],
    [...issue('hpc/charliecloud', 189), ...issue('lxc/lxc', 842)],
  ),
  'el7-unpriv-mountns-off': note(
    'ordinary users',
    MORE_KERNEL,
    [EPERM, 'ch-run: can’t init user+mount namespaces: Operation not permitted'],
    [...issue('hpc/charliecloud', 133), ...issue('moby/moby', 35806)],
  ),
  'el7-unshare-race': note(
    'everyone',
    null,
    [EINVAL, 'docker: running exec setns process for init caused "exit status 40"'],
    ['https://github.com/opencontainers/runc/pull/3772', ...issue('opencontainers/runc', 1740)],
  ),
  wsl1: note('everyone', null, [EINVAL], issue('microsoft/WSL', 2981)),
  'platform-no-userns': note(
    'everyone',
    null,
    [EINVAL, EPERM, BWRAP],
    [...issue('rootless-containers/usernetes', 85), ...issue('fsquillace/junest', 261)],
  ),
  'kernel-too-old': note(
    'everyone',
    null,
    [EINVAL, UNSHARE('Function not implemented')],
    [...issue('hpc/charliecloud', 103), man('namespaces', 7)],
  ),
  'config-user-ns-off': note(
    'everyone',
    MORE_KERNEL,
    [...REFUSED_EINVAL, 'firejail: noroot option is not available'],
    [...issue('containers/bubblewrap', 139), ...issue('netblue30/firejail', 1842)],
  ),
  'config-ns-off': note(
    'everyone',
    null,
    [EINVAL, 'unshare: cannot open /proc/self/ns/time: No such file or directory'],
    issue('microsoft/WSL', 9223),
  ),
  'max-userns-zero': note(
    'everyone',
    MORE_KERNEL,
    [...REFUSED_ENOSPC, 'podman: user namespaces are not enabled in /proc/sys/user/max_user_namespaces'],
    [...issue('NixOS/nix', 1947), ...issue('Azure/azhpc-images', 297)],
  ),
  'max-ns-other-zero': note(
    'everyone',
    KEEP_LIMIT,
    [ENOSPC, 'nix: cloning builder process: No space left on device'],
    [...issue('NixOS/nix', 14619), man('namespaces', 7)],
  ),
  'pidns-nesting-depth': note('everyone', null, [ENOSPC], [man('pid_namespaces', 7)]),
  'userns-nesting-depth': note('everyone', null, [ENOSPC, UNSHARE('Too many users')], [man('user_namespaces', 7)]),
  'userns-limit-exhausted': note('everyone', KEEP_LIMIT, REFUSED_ENOSPC, issue('containers/bubblewrap', 371, 448, 465)),
  'ns-limit-exhausted': note('everyone', KEEP_LIMIT, [ENOSPC], [man('namespaces', 7)]),
  'userns-max-level': note('ordinary users', MORE_KERNEL, [EPERM, ENOSPC], ['https://www.altlinux.org/']),
  'ns-limit-unseen': note('everyone', KEEP_LIMIT, [ENOSPC], [man('namespaces', 7)]),
  'process-limit': note(
    'everyone',
    'A limit of processes bounds what a runaway program can do to others.',
    ['unshare: fork failed: Resource temporarily unavailable', 'sh: Cannot fork'],
    [man('clone', 2), man('getrlimit', 2)],
  ),
  'unmapped-ids': note('who makes the call', null, [EPERM, 'id: uid=65534(nobody)'], [man('user_namespaces', 7)]),
  'chroot-caller': note(
    'everyone',
    null,
    [...REFUSED_EPERM, 'docker with runsc: creating container: fork/exec /proc/self/exe: operation not permitted'],
    [...issue('google/gvisor', 144), ...issue('containers/bubblewrap', 689)],
  ),
  'mount-point-missing': note(
    'who makes the call',
    null,
    ['unshare: mount /proc failed: No such file or directory'],
    [man('mount', 2)],
  ),
  'fs-mount-needs-ns': note(
    'ordinary users',
    null,
    ['unshare: mount /proc failed: Operation not permitted', 'mount: /sys: permission denied'],
    [man('mount_namespaces', 7)],
  ),
  'overlay-in-userns-too-old': note(
    'ordinary users',
    null,
    ['mount: overlay: Operation not permitted', 'podman: kernel does not support overlay fs in user namespaces'],
    ['https://docs.kernel.org/filesystems/overlayfs.html'],
  ),
  'fs-mount-needs-init-userns': note(
    'ordinary users',
    null,
    ['mount: permission denied (are you root?)'],
    [man('user_namespaces', 7)],
  ),
  'lxc-nesting-off': note(
    'who is in a container',
    'A nested container sees more of the host’s /proc and /sys; AppArmor’s rules for it are looser.',
    ['unshare: mount /proc failed: Permission denied', 'systemd: Failed to mount proc: Operation not permitted'],
    [...issue('canonical/lxd', 3863, 7065), ...issue('systemd/systemd', 17866)],
  ),
  'proc-masked': note(
    'ordinary users',
    'What the engine hides of /proc becomes visible, and writable for root of the container.',
    [
      'unshare: mount /proc failed: Operation not permitted',
      'bwrap: Can’t mount proc on /newroot/proc: Operation not permitted',
      'kernel: VFS: Mount too revealing',
    ],
    [
      ...issue('containers/bubblewrap', 284, 505),
      ...issue('canonical/lxd', 2238),
      ...issue('kubernetes/kubernetes', 126163),
    ],
  ),
  'unprivileged-userns-clone-off': note(
    'ordinary users',
    MORE_KERNEL,
    [...REFUSED_EPERM, 'singularity: Failed to create container namespaces'],
    [...issue('apptainer/singularity', 4361), ...issue('containers/bubblewrap', 324)],
  ),
  'userns-restrict-on': note('ordinary users', MORE_KERNEL, REFUSED_EPERM, ['https://www.altlinux.org/']),
  'apparmor-no-transition-profile': note(
    'ordinary users',
    APPARMOR_OPENS,
    [...REFUSED_EACCES, 'nix: cloning builder process: Permission denied'],
    [...issue('tailhook/vagga', 582), ...issue('NixOS/nixpkgs', 399300)],
  ),
  'apparmor-userns-restricted': note(
    'ordinary users',
    APPARMOR_OPENS,
    [
      'unshare: write failed /proc/self/uid_map: Operation not permitted',
      'bwrap: setting up uid map: Permission denied',
      NO_SANDBOX,
      'dockerd-rootless: [rootlesskit:parent] error: failed to setup UID/GID map: Permission denied',
    ],
    [...issue('google/nsjail', 236), ...issue('fsquillace/junest', 355), ...issue('containerd/nerdctl', 2847)],
  ),
  'apparmor-distro-helper-profile': note(
    'ordinary users',
    'Without that profile the tool gives capabilities in a user namespace to everybody.',
    [
      'unshare: cannot change root filesystem propagation: Permission denied',
      'bwrap: Failed to make / slave: Permission denied',
    ],
    issue('rootless-containers/rootlesskit', 494),
  ),
  'apparmor-container-deny-mount': note(
    'who is in a container',
    'The container may mount, and write what its AppArmor profile protects in /proc and /sys.',
    ['mount: permission denied', 'unshare: cannot change root filesystem propagation: Permission denied'],
    ['https://docs.docker.com/engine/security/apparmor/'],
  ),
  'apparmor-profile-denies': note(
    'who makes the call',
    'Every process under that profile may do it.',
    [UNSHARE('Permission denied'), 'kernel: apparmor="DENIED" operation="userns_create" class="namespace"'],
    ['https://gitlab.com/apparmor/apparmor/-/wikis/unprivileged_userns_restriction', man('apparmor', 7)],
  ),
  'selinux-userns-create-denied': note(
    'everyone',
    'The domain may make user namespaces, whatever program runs in it.',
    [...REFUSED_EACCES, 'avc: denied { create } tclass=user_namespace'],
    [...issue('secureblue/secureblue', 754), ...issue('fedora-selinux/selinux-policy', 1651)],
  ),
  'bpf-lsm-userns-denied': note(
    'everyone',
    null,
    [EPERM, UNSHARE('Permission denied')],
    issue('ublue-os/bazzite', 5145),
  ),
  'outer-sandbox-blocks': note('ordinary users', 'The command runs outside of the sandbox.', REFUSED_EPERM, [
    ...issue('flatpak/flatpak', 5921),
    ...issue('containers/bubblewrap', 764),
  ]),
  'seccomp-clone3-eperm': note(
    'who is in a container',
    LESS_SECCOMP,
    ['curl: getaddrinfo() thread failed to start', 'clone3(...) = -1 EPERM (Operation not permitted)'],
    [...issue('moby/moby', 42680), ...issue('systemd/systemd', 23126)],
  ),
  'seccomp-container-default': note(
    'who is in a container',
    LESS_SECCOMP,
    [...REFUSED_EPERM, 'buildah: Error during unshare(CLONE_NEWUSER): Operation not permitted'],
    [...issue('moby/moby', 43086, 42441), ...issue('containers/buildah', 1901), ...issue('cri-o/cri-o', 5788)],
  ),
  'systemd-restrict-namespaces': note(
    'who makes the call',
    'The service may make namespaces, which its unit forbids on purpose.',
    [EPERM],
    [...issue('systemd/systemd', 4536, 35449), man('systemd.exec', 5)],
  ),
  'memfd-noexec': note(
    'everyone',
    'Programs may run code that is in no file of the disk.',
    ['Set-up failed at carrier: EACCES'],
    ['https://docs.kernel.org/userspace-api/mfd_noexec.html'],
  ),
  'needs-cap-sys-admin': note('ordinary users', null, [EPERM], [man('clone', 2)]),
  'target-not-dumpable': note(
    'who makes the call',
    'Who may run the program may read it, too.',
    [
      'unshare: cannot open /proc/self/uid_map: Permission denied',
      'newuidmap: open of uid_map failed: Permission denied',
    ],
    [man('PR_SET_DUMPABLE', 2).replace('man2/PR_SET_DUMPABLE.2', 'man2/PR_SET_DUMPABLE.2const')],
  ),
  'setgroups-not-denied': note(
    'ordinary users',
    null,
    ['write to gid_map: Operation not permitted'],
    [...issue('golang/go', 10626), man('user_namespaces', 7)],
  ),
  'id-map-needs-capability': note(
    'ordinary users',
    null,
    ['write to uid_map: Operation not permitted'],
    [man('user_namespaces', 7)],
  ),
  'map-exceeds-parent': note(
    'who is in a container',
    'The container gets more ids of the host, which nobody else may have.',
    [MAP_EPERM],
    [...issue('containerd/containerd', 13075), ...issue('moby/buildkit', 3297)],
  ),
  'uidmap-cap-setfcap': note(
    'who is in a container',
    'Root of the container may give file capabilities.',
    ['write to uid_map: Operation not permitted'],
    [man('user_namespaces', 7)],
  ),
  'id-map-too-long': note(
    'who makes the call',
    null,
    ['write to uid_map: Invalid argument'],
    [man('user_namespaces', 7)],
  ),
  'newuidmap-missing': note(
    'ordinary users',
    'Two setuid programs are installed.',
    ['podman: exec: "newuidmap": executable file not found in $PATH', 'dockerd-rootless: newuidmap: command not found'],
    ['https://rootlesscontaine.rs/getting-started/common/subuid/'],
  ),
  'newuidmap-setuid-plus-filecaps': note(
    'ordinary users',
    null,
    ['newuidmap: open of uid_map failed: Permission denied', PODMAN_MAP],
    issue('containers/podman', 13360, 15370),
  ),
  'newuidmap-not-privileged': note(
    'ordinary users',
    'newuidmap may map the ids that /etc/subuid gives to each user, which is what it is for.',
    [MAP_EPERM, 'newuidmap: Could not set caps', PODMAN_MAP],
    [...issue('containers/podman', 2788, 4921), ...issue('moby/moby', 41812)],
  ),
  'no-new-privs-blocks-newuidmap': note(
    'ordinary users',
    'Programs may gain privilege from setuid files again.',
    [MAP_EPERM, PODMAN_MAP],
    [...issue('containers/podman', 24012, 21738), ...issue('moby/buildkit', 1671)],
  ),
  'passwd-gid-mismatch': note(
    'ordinary users',
    null,
    ['newuidmap: Target process is owned by a different user'],
    [man('newuidmap', 1)],
  ),
  'subid-overlap': note(
    'ordinary users',
    null,
    ['newuidmap: write to uid_map failed: Invalid argument'],
    [...issue('rootless-containers/rootlesskit', 476, 229), ...issue('lxc/incus', 458)],
  ),
  'subid-source-wrong': note(
    'ordinary users',
    null,
    ['newuidmap: uid range not allowed', PODMAN_MAP],
    [...issue('rootless-containers/rootlesskit', 259), ...issue('shadow-maint/shadow', 1710)],
  ),
  'subid-missing': note(
    'ordinary users',
    'The user owns 65,536 further ids on this machine.',
    [
      'newuidmap: uid range [1-65536) -> [100000-165536) not allowed',
      'podman: no subuid ranges found for user',
      'dockerd-rootless: No subuid ranges found',
    ],
    [...issue('containers/buildah', 1169), ...issue('rootless-containers/rootlesskit', 470)],
  ),
  'hidepid-setuid-helper': note(
    'ordinary users',
    'Users see the processes of others.',
    ['newuidmap: Could not open proc directory for target'],
    issue('containers/bubblewrap', 198),
  ),
  'setns-other-user': note(
    'ordinary users',
    null,
    ['nsenter: cannot open /proc/PID/ns/net: Permission denied'],
    [man('setns', 2), man('ptrace', 2)],
  ),
  'setns-wrong-order': note(
    'ordinary users',
    null,
    ['nsenter: reassociate to namespace ’ns/net’ failed: Operation not permitted'],
    [...issue('util-linux/util-linux', 1510), man('setns', 2)],
  ),
  'multithreaded-caller': note(
    'who makes the call',
    null,
    ['unshare(CLONE_NEWUSER) = -1 EINVAL (Invalid argument)'],
    [...issue('golang/go', 22283), man('unshare', 2)],
  ),
  'idmap-unsupported': note(
    'everyone',
    null,
    ['mount_setattr(...) = -1 EINVAL (Invalid argument)'],
    [man('mount_setattr', 2), ...issue('systemd/systemd', 24826)],
  ),
  'cgroup-not-delegated': note(
    'ordinary users',
    'The user divides what its own cgroup may take, and nothing of others.',
    ['clone3(CLONE_INTO_CGROUP) = -1 EACCES (Permission denied)', 'podman: cgroup-manager systemd: Permission denied'],
    ['https://systemd.io/CGROUP_DELEGATION/', man('cgroups', 7)],
  ),
  'syscall-missing': note('everyone', null, ['Function not implemented'], [man('syscalls', 2)]),
  'time-frozen': note(
    'who makes the call',
    null,
    ['write to timens_offsets: Permission denied'],
    [man('time_namespaces', 7)],
  ),
  'pid-init-gone': note('who makes the call', null, ['sh: fork: Cannot allocate memory'], [man('pid_namespaces', 7)]),
  'filesystem-unknown': note(
    'everyone',
    'The kernel runs the code of one more file system.',
    ['mount: unknown filesystem type ’overlay’'],
    [man('mount', 2)],
  ),
  'proc-sys-readonly': note(
    'who is in a container',
    MORE_KERNEL,
    ['sysctl: setting key "user.max_user_namespaces": Read-only file system'],
    [...issue('containers/buildah', 2504), ...issue('opencontainers/runc', 1906)],
  ),
  'file-absent-means-nothing': note(
    'everyone',
    null,
    [
      'sysctl: cannot stat /proc/sys/kernel/unprivileged_userns_clone: No such file or directory',
      'sysctl: error: ’kernel.unprivileged_userns_clone’ is an unknown key',
    ],
    [...issue('docker-library/docker', 183), ...issue('rapid7/metasploit-framework', 11017)],
  ),
  'selinux-mount-denied': note(
    'ordinary users',
    'The domain may mount, whatever program runs in it.',
    ['bwrap: Failed to make / slave: Permission denied', 'bwrap: Failed to mount tmpfs: Permission denied'],
    issue('fedora-selinux/selinux-policy', 510),
  ),
  'setns-own-userns': note(
    'everyone',
    null,
    ['nsenter: reassociate to namespace ’ns/user’ failed: Invalid argument'],
    [...issue('kernelkit/infix', 361), man('setns', 2)],
  ),
  'grsecurity-userns': note('ordinary users', null, [EPERM], issue('sandstorm-io/sandstorm', 1430)),
  'chromium-os-lsm': note(
    'ordinary users',
    null,
    ['bwrap: Failed to mount tmpfs: Operation not permitted'],
    issue('ading2210/shimboot', 26),
  ),
  'qemu-user': note(
    'who makes the call',
    null,
    ['bwrap: Creating new namespace failed, likely because the kernel does not support user namespaces', EINVAL],
    [...issue('systemd/systemd', 21511), ...issue('NixOS/nixpkgs', 321654)],
  ),
  'setgroups-denied': note(
    'ordinary users',
    null,
    ['nsenter: setgroups failed: Operation not permitted'],
    [...issue('util-linux/util-linux', 3553), man('user_namespaces', 7)],
  ),
  'not-a-namespace-problem': note(
    'everyone',
    null,
    [
      'bwrap: Unable to apply mount flags: remount "/newroot/mnt/share": No such device',
      'Steam now requires user namespaces to be enabled',
    ],
    [...issue('ValveSoftware/steam-for-linux', 13555, 12169)],
  ),
};
