import type { Snapshot } from '../../lib/host/evidence.ts';
import type { Failure } from '../../lib/host/failure.ts';
import { HEALTHY, ROOT, status } from './healthy.ts';

/** A machine that says no, by what differs from a healthy one. */
export interface Machine {
  readonly about: string;
  readonly failure: Failure;
  readonly evidence: Snapshot;
  /** Sources of which nothing is known, though a healthy machine shows them. */
  readonly without?: readonly string[];
  readonly cause: string;
  readonly confidence: 'certain' | 'likely' | 'possible';
  /** A part of the first remedy. */
  readonly remedy?: RegExp;
}

const clone = (errno: Failure['errno'], ...namespaces: Failure['namespaces']): Failure => ({
  step: 'clone',
  errno,
  namespaces,
  requested: namespaces,
});
const later = (step: Failure['step'], errno: Failure['errno'], path: string | null = null): Failure => ({
  step,
  errno,
  namespaces: [],
  requested: ['user', 'mnt', 'pid'],
  path,
});

const mount = (filesystem: string | null, errno: Failure['errno']): Failure => ({
  step: 'mount',
  errno,
  namespaces: [],
  requested: ['user', 'mnt', 'pid'],
  filesystem,
});
const helper = (errno: Failure['errno']): Failure => ({
  step: 'newuidmap',
  errno,
  namespaces: ['user'],
  requested: ['user'],
  path: 'newuidmap',
});
const SETUID_HELPERS: Snapshot = {
  '/usr/bin/newuidmap (mode)': '4755',
  '/usr/bin/newuidmap (owner)': '0',
  '/usr/bin/newgidmap (mode)': '4755',
  '/usr/bin/newgidmap (owner)': '0',
};

const el7 = (build: string, more: Snapshot = {}): Snapshot => ({
  '/etc/os-release': 'NAME="CentOS Linux"\nVERSION_ID="7"\nID="centos"\nID_LIKE="rhel fedora"',
  '/proc/sys/kernel/osrelease': `3.10.0-${build}.el7.x86_64`,
  '/proc/version': `Linux version 3.10.0-${build}.el7.x86_64 (gcc 4.8.5)`,
  '/proc/self/ns': 'ipc mnt net pid user uts',
  ...more,
});
const NO_LIMITS = Object.fromEntries(
  ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'].map((type) => [
    `/proc/sys/user/max_${type}_namespaces`,
    null,
  ]),
);
const DOCKER: Snapshot = {
  '/.dockerenv': '',
  '/proc/self/attr/current': 'docker-default (enforce)',
  '/proc/self/status': status({
    Uid: '0\t0\t0\t0',
    Gid: '0\t0\t0\t0',
    CapEff: '00000000a80425fb',
    Seccomp: '2',
  }),
};
const UBUNTU: Snapshot = {
  '/etc/os-release': 'NAME="Ubuntu"\nVERSION_ID="24.04"\nID=ubuntu\nID_LIKE=debian',
  '/proc/sys/kernel/osrelease': '6.8.0-36-generic',
  '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1',
  '/proc/sys/kernel/unprivileged_userns_clone': '1',
};

export const MACHINES: readonly Machine[] = [
  {
    about: 'EL 7.1',
    failure: clone('EINVAL', 'user'),
    evidence: el7('229.20.1', { ...NO_LIMITS, '/proc/self/status': ROOT }),
    cause: 'el7-userns-unusable-7.0-7.1',
    confidence: 'certain',
    remedy: /yum update kernel/,
  },
  {
    about: 'EL 7.2, with the parameter in sight',
    failure: clone('EINVAL', 'user', 'mnt'),
    evidence: el7('327.13.1', {
      ...NO_LIMITS,
      '/proc/self/status': ROOT,
      '/sys/module/user_namespace/parameters/enable': 'N',
    }),
    cause: 'el7-userns-param-off',
    confidence: 'certain',
    remedy: /^grubby --args="user_namespace\.enable=1"/,
  },
  {
    about: 'EL 7.3, from its command line alone',
    failure: clone('EINVAL', 'user'),
    evidence: el7('514.21.1', NO_LIMITS),
    cause: 'el7-userns-param-off',
    confidence: 'likely',
    remedy: /^sudo grubby --args="user_namespace\.enable=1"/,
  },
  {
    about: 'EL 7.3 with the parameter on',
    failure: clone('EPERM', 'user', 'mnt'),
    evidence: el7('514.21.1', { ...NO_LIMITS, '/proc/cmdline': 'ro quiet user_namespace.enable=1' }),
    cause: 'el7-mountns-in-userns-blocked-7.2-7.3',
    confidence: 'certain',
  },
  {
    about: 'EL 7.6',
    failure: clone('EINVAL', 'user'),
    evidence: el7('957', { '/proc/sys/user/max_user_namespaces': '0' }),
    cause: 'el7-max-userns-zero',
    confidence: 'certain',
    remedy: /sysctl -w user\.max_user_namespaces=\d+/,
  },
  {
    about: 'EL 7.4 with user namespaces on',
    failure: clone('EPERM', 'user', 'mnt'),
    evidence: el7('693.11.6', { '/proc/sys/user/max_user_namespaces': '10000' }),
    cause: 'el7-unpriv-mountns-off',
    confidence: 'certain',
    remedy: /namespace\.unpriv_enable=1/,
  },
  {
    about: 'EL 7.4 with everything on, now and then',
    failure: clone('EINVAL', 'user', 'net'),
    evidence: el7('693.11.6', { '/proc/self/status': ROOT }),
    cause: 'el7-unshare-race',
    confidence: 'possible',
  },
  {
    about: 'EL 6',
    failure: clone('EINVAL', 'user'),
    evidence: { '/proc/sys/kernel/osrelease': '2.6.32-754.el6.x86_64', '/proc/self/ns': null },
    cause: 'kernel-too-old',
    confidence: 'likely',
  },
  {
    about: 'Linux 5.4 and a time namespace',
    failure: clone('EINVAL', 'time'),
    evidence: {
      '/proc/sys/kernel/osrelease': '5.4.0-150-generic',
      '/proc/self/ns': 'cgroup ipc mnt net pid pid_for_children user uts',
      '/proc/self/status': ROOT,
    },
    cause: 'kernel-too-old',
    confidence: 'certain',
  },
  {
    about: 'the second WSL, which has no time namespaces',
    failure: clone('EINVAL', 'time'),
    evidence: {
      '/proc/sys/kernel/osrelease': '5.10.102.1-microsoft-standard-WSL2',
      '/proc/version': 'Linux version 5.10.102.1-microsoft-standard-WSL2 (oe-user@oe-host)',
      '/proc/self/ns': 'cgroup ipc mnt net pid pid_for_children user uts',
      '/proc/self/status': ROOT,
    },
    cause: 'config-ns-off',
    confidence: 'certain',
  },
  {
    about: 'the first WSL',
    failure: clone('EINVAL', 'user'),
    evidence: {
      '/proc/sys/kernel/osrelease': '4.4.0-17107-Microsoft',
      '/proc/version': 'Linux version 4.4.0-17107-Microsoft (Microsoft@Microsoft.com) (gcc version 5.4.0)',
    },
    cause: 'wsl1',
    confidence: 'certain',
    remedy: /wsl --set-version/,
  },
  {
    about: 'a kernel without CONFIG_USER_NS',
    failure: clone('EINVAL', 'user'),
    evidence: { '/proc/self/ns': 'cgroup ipc mnt net pid pid_for_children time time_for_children uts' },
    cause: 'config-user-ns-off',
    confidence: 'certain',
  },
  {
    about: 'OpenVZ',
    failure: clone('EINVAL', 'user'),
    evidence: { '/proc/vz': 'veinfo version', '/proc/sys/kernel/osrelease': '3.10.0-1160.90.1.vz7.200.7' },
    cause: 'platform-no-userns',
    confidence: 'likely',
  },
  {
    about: 'an EL 9 that follows STIG',
    failure: clone('ENOSPC', 'user'),
    evidence: {
      '/etc/os-release': 'ID="rhel"\nVERSION_ID="9.4"\nID_LIKE="fedora"',
      '/proc/sys/kernel/osrelease': '5.14.0-427.13.1.el9_4.x86_64',
      '/proc/sys/user/max_user_namespaces': '0',
    },
    cause: 'max-userns-zero',
    confidence: 'certain',
    remedy: /^sudo sysctl -w user\.max_user_namespaces=28633$/,
  },
  {
    about: 'a hardened NixOS',
    failure: clone('ENOSPC', 'user'),
    evidence: { '/etc/os-release': 'ID=nixos', '/proc/sys/user/max_user_namespaces': '0' },
    cause: 'max-userns-zero',
    confidence: 'certain',
    remedy: /sysctl -w user\.max_user_namespaces/,
  },
  {
    about: 'network namespaces switched off by the admin',
    failure: clone('ENOSPC', 'mnt', 'uts', 'ipc', 'user', 'pid', 'net'),
    evidence: { '/proc/sys/user/max_net_namespaces': '0' },
    cause: 'max-ns-other-zero',
    confidence: 'certain',
    remedy: /user\.max_net_namespaces/,
  },
  {
    about: 'no more processes',
    failure: clone('EAGAIN', 'user'),
    evidence: {},
    cause: 'process-limit',
    confidence: 'likely',
  },
  {
    about: 'gVisor, deep inside',
    failure: clone('EUSERS', 'user'),
    evidence: { ...NO_LIMITS, '/proc/sys/kernel/osrelease': '4.4.0' },
    cause: 'userns-nesting-depth',
    confidence: 'likely',
  },
  {
    about: 'Debian 10',
    failure: clone('EPERM', 'user'),
    evidence: { '/proc/sys/kernel/unprivileged_userns_clone': '0', '/proc/sys/kernel/osrelease': '4.19.0-27-amd64' },
    cause: 'unprivileged-userns-clone-off',
    confidence: 'certain',
    remedy: /^sudo sysctl -w kernel\.unprivileged_userns_clone=1$/,
  },
  {
    about: 'Debian with the switch off, and root inside a user namespace',
    failure: { step: 'unshare', errno: 'EPERM', namespaces: ['user'], requested: ['user'] },
    evidence: { '/proc/sys/kernel/unprivileged_userns_clone': '0', '/proc/self/status': ROOT },
    cause: 'unprivileged-userns-clone-off',
    confidence: 'likely',
  },
  {
    about: 'ALT Linux',
    failure: clone('EPERM', 'user'),
    evidence: { '/proc/sys/kernel/userns_restrict': '1' },
    cause: 'userns-restrict-on',
    confidence: 'likely',
  },
  {
    about: 'Ubuntu 24.04, the map',
    failure: later('id-map', 'EACCES', '/proc/self/uid_map'),
    evidence: UBUNTU,
    cause: 'apparmor-userns-restricted',
    confidence: 'likely',
    remedy: /kernel\.apparmor_restrict_unprivileged_userns=0/,
  },
  {
    about: 'Ubuntu 24.04, the first mount',
    failure: later('propagation', 'EACCES'),
    evidence: UBUNTU,
    cause: 'apparmor-userns-restricted',
    confidence: 'likely',
  },
  {
    about: 'Ubuntu 24.04, a further namespace',
    failure: { step: 'unshare', errno: 'EPERM', namespaces: ['net'], requested: ['user', 'net'] },
    evidence: UBUNTU,
    cause: 'apparmor-userns-restricted',
    confidence: 'likely',
  },
  {
    about: 'Ubuntu 24.04, where the restriction has nothing to do with it',
    failure: { step: 'unshare', errno: 'EPERM', namespaces: ['net'], requested: ['net'] },
    evidence: UBUNTU,
    cause: 'needs-cap-sys-admin',
    confidence: 'certain',
  },
  {
    about: 'Ubuntu 24.04 with half of AppArmor gone',
    failure: clone('EACCES', 'user'),
    evidence: UBUNTU,
    cause: 'apparmor-no-transition-profile',
    confidence: 'likely',
    remedy: /systemctl reload apparmor/,
  },
  {
    about: 'a mount in Docker with CAP_SYS_ADMIN',
    failure: later('propagation', 'EACCES'),
    evidence: { ...DOCKER, '/proc/self/status': ROOT },
    cause: 'apparmor-container-deny-mount',
    confidence: 'likely',
    remedy: /apparmor=unconfined/,
  },
  {
    about: 'SELinux without a rule for it',
    failure: clone('EACCES', 'user'),
    evidence: {
      '/sys/fs/selinux/enforce': '1',
      '/proc/self/attr/current': 'unconfined_u:unconfined_r:container_runtime_t:s0-s0:c0.c1023',
    },
    cause: 'selinux-userns-create-denied',
    confidence: 'likely',
    remedy: /ausearch/,
  },
  {
    about: 'a policy in BPF',
    failure: clone('EPERM', 'user'),
    evidence: { '/sys/kernel/security/lsm': 'capability,landlock,bpf' },
    cause: 'bpf-lsm-userns-denied',
    confidence: 'possible',
  },
  {
    about: 'Docker’s default filter',
    failure: clone('EPERM', 'user'),
    evidence: DOCKER,
    cause: 'seccomp-container-default',
    confidence: 'likely',
    remedy: /seccomp=PROFILE.*# on the host/,
  },
  {
    about: 'an old filter that refuses clone3',
    failure: clone('EPERM'),
    evidence: DOCKER,
    cause: 'seccomp-clone3-eperm',
    confidence: 'likely',
  },
  {
    about: 'a service with RestrictNamespaces=',
    failure: clone('EPERM', 'user'),
    evidence: {
      '/proc/self/status': status({ Seccomp: '2', NoNewPrivs: '1' }),
      '/proc/self/cgroup': '0::/system.slice/build-agent.service',
    },
    cause: 'systemd-restrict-namespaces',
    confidence: 'likely',
    remedy: /systemctl edit build-agent\.service/,
  },
  {
    about: 'a filter of nobody knows whom',
    failure: clone('EPERM', 'user'),
    evidence: { '/proc/self/status': status({ Seccomp: '2' }) },
    cause: 'systemd-restrict-namespaces',
    confidence: 'possible',
  },
  {
    about: 'Flatpak',
    failure: clone('EPERM', 'user'),
    evidence: { '/.flatpak-info': '[Application]', '/proc/self/status': status({ Seccomp: '2' }) },
    cause: 'outer-sandbox-blocks',
    confidence: 'likely',
    remedy: /flatpak-spawn/,
  },
  {
    about: 'a chroot, as root',
    failure: clone('EPERM', 'user'),
    evidence: {
      '/proc/self/status': ROOT,
      '/proc/self/mountinfo': '22 27 0:21 / /proc rw,relatime - proc proc rw\n23 27 0:5 / /dev rw - devtmpfs dev rw',
    },
    cause: 'chroot-caller',
    confidence: 'certain',
    remedy: /pivot_root/,
  },
  {
    about: 'a chroot into a mount point, as root',
    failure: clone('EPERM', 'user'),
    evidence: {
      '/proc/self/status': ROOT,
      '/proc/self/mountinfo':
        '70 44 254:0 /build/root / rw,relatime - ext4 /dev/sda1 rw\n71 70 0:21 / /proc rw - proc proc rw',
    },
    cause: 'chroot-caller',
    confidence: 'possible',
  },
  {
    about: 'a namespace that was joined before it had maps',
    failure: clone('EPERM', 'user'),
    evidence: {
      '/proc/self/uid_map': '',
      '/proc/self/gid_map': '',
      '/proc/self/status': status({ Uid: '65534\t65534\t65534\t65534', CapEff: '000001ffffffffff' }),
    },
    cause: 'unmapped-ids',
    confidence: 'certain',
  },
  {
    about: 'a gid map without CAP_SETGID',
    failure: later('id-map', 'EPERM', '/proc/4711/gid_map'),
    evidence: {},
    cause: 'setgroups-not-denied',
    confidence: 'likely',
  },
  {
    about: 'a uid map of many ids without CAP_SETUID',
    failure: later('id-map', 'EPERM', '/proc/4711/uid_map'),
    evidence: {},
    cause: 'id-map-needs-capability',
    confidence: 'likely',
  },
  {
    about: 'a map of root without CAP_SETFCAP',
    failure: later('id-map', 'EPERM', '/proc/4711/uid_map'),
    evidence: {
      '/proc/self/status': status({ Uid: '0\t0\t0\t0', CapEff: '00000000a80425fb' }).replace('a80425fb', '280425fb'),
    },
    cause: 'uidmap-cap-setfcap',
    confidence: 'likely',
  },
  {
    about: 'six lines before Linux 4.15',
    failure: later('id-map', 'EINVAL', '/proc/4711/uid_map'),
    evidence: { '/proc/sys/kernel/osrelease': '4.9.0-19-amd64', '/proc/self/status': ROOT },
    cause: 'id-map-too-long',
    confidence: 'likely',
  },
  {
    about: 'a process that changed its uid',
    failure: later('id-map', 'EACCES', '/proc/self/uid_map'),
    evidence: { '/proc/self/uid_map (owner)': '0' },
    cause: 'target-not-dumpable',
    confidence: 'certain',
  },
  {
    about: 'a Xen guest',
    failure: later('mount-proc', 'EPERM', '/proc'),
    evidence: {
      '/proc/self/status': ROOT,
      '/proc/self/mountinfo':
        '22 27 0:21 / /proc rw - proc proc rw\n27 1 8:1 / / rw - ext4 /dev/sda1 rw\n40 22 0:40 / /proc/xen rw - xenfs none rw',
    },
    cause: 'proc-masked',
    confidence: 'certain',
    remedy: /umount \/proc\/xen/,
  },
  {
    about: 'a Docker container, with its masked paths',
    failure: later('mount-proc', 'EPERM', '/proc'),
    evidence: {
      ...DOCKER,
      '/proc/self/attr/current': 'unconfined',
      '/proc/self/status': status({ Uid: '0\t0\t0\t0', Gid: '0\t0\t0\t0', CapEff: '00000000a80425fb' }),
      '/proc/self/mountinfo':
        '22 27 0:21 / /proc rw - proc proc rw\n27 1 0:50 / / rw - overlay overlay rw\n40 22 0:40 /null /proc/kcore rw - tmpfs tmpfs rw',
    },
    cause: 'proc-masked',
    confidence: 'certain',
    remedy: /systempaths=unconfined.*# on the host/,
  },
  {
    about: 'an LXC container without nesting',
    failure: later('mount-proc', 'EACCES', '/proc'),
    evidence: { 'environment container': 'lxc', '/proc/self/attr/current': 'lxc-101_</var/lib/lxc> (enforce)' },
    cause: 'lxc-nesting-off',
    confidence: 'likely',
    remedy: /security\.nesting true/,
  },
  {
    about: 'executable memory files forbidden',
    failure: later('prepare', 'EACCES'),
    evidence: { '/proc/sys/vm/memfd_noexec': '2' },
    cause: 'memfd-noexec',
    confidence: 'certain',
  },
  {
    about: 'a limit that is low, and a user who has as many',
    failure: clone('ENOSPC', 'user'),
    evidence: { '/proc/sys/user/max_user_namespaces': '16' },
    cause: 'userns-limit-exhausted',
    confidence: 'likely',
    remedy: /lsns -t user/,
  },
  {
    about: 'a limit of networks that is low',
    failure: { step: 'unshare', errno: 'ENOSPC', namespaces: ['net'], requested: ['user', 'net'] },
    evidence: { '/proc/sys/user/max_net_namespaces': '16' },
    cause: 'ns-limit-exhausted',
    confidence: 'likely',
    remedy: /lsns -t net/,
  },
  {
    about: 'containers in containers in containers',
    failure: { step: 'clone', errno: 'ENOSPC', namespaces: ['pid'], requested: ['pid'] },
    evidence: {
      '/proc/self/status': status({ NSpid: Array.from({ length: 33 }, (_, index) => index + 1).join('\t') }),
    },
    cause: 'pidns-nesting-depth',
    confidence: 'certain',
  },
  {
    about: 'a root directory without proc',
    failure: later('mount-proc', 'ENOENT', '/proc'),
    evidence: {},
    cause: 'mount-point-missing',
    confidence: 'certain',
    remedy: /mkdir -p \/proc/,
  },
  {
    about: 'rootless in rootless, with the ranges of the host',
    failure: later('id-map', 'EPERM', '/proc/4711/uid_map'),
    evidence: {
      '/proc/self/status': status({ Uid: '0\t0\t0\t0', Gid: '0\t0\t0\t0', CapEff: '000001ffffffffff' }),
      '/proc/self/uid_map': '         0       1000          1\n         1     100000      65536',
    },
    cause: 'map-exceeds-parent',
    confidence: 'likely',
  },
  {
    about: 'ALT Linux, nested',
    failure: clone('EPERM', 'user'),
    evidence: { '/proc/sys/kernel/userns_max_level': '0' },
    cause: 'userns-max-level',
    confidence: 'certain',
    remedy: /kernel\.userns_max_level=\d+/,
  },
  {
    about: 'ENOSPC, and nothing else',
    failure: { step: 'clone', errno: 'ENOSPC', namespaces: ['net'], requested: ['net'] },
    evidence: { '/proc/sys/user/max_net_namespaces': '127283' },
    without: ['/proc/sys/user/max_net_namespaces'],
    cause: 'ns-limit-unseen',
    confidence: 'possible',
  },
  {
    about: 'overlay on Linux 5.10',
    failure: mount('overlay', 'EPERM'),
    evidence: { '/proc/sys/kernel/osrelease': '5.10.0-28-amd64' },
    cause: 'overlay-in-userns-too-old',
    confidence: 'certain',
    remedy: /fuse-overlayfs/,
  },
  {
    about: 'ext4 in a user namespace',
    failure: mount('ext4', 'EPERM'),
    evidence: {},
    cause: 'fs-mount-needs-init-userns',
    confidence: 'likely',
  },
  {
    about: 'mqueue without an ipc namespace',
    failure: { ...mount('mqueue', 'EPERM'), requested: ['user', 'mnt'] },
    evidence: {},
    cause: 'fs-mount-needs-ns',
    confidence: 'certain',
    remedy: /add "ipc"/,
  },
  {
    about: 'Ubuntu 25.04 and its own profile for unshare(1)',
    failure: {
      ...later('propagation', 'EACCES'),
      text: 'unshare: cannot change root filesystem propagation: Permission denied',
    },
    evidence: {
      '/etc/os-release': 'ID=ubuntu\nVERSION_ID="25.04"',
      '/sys/kernel/security/apparmor/profiles':
        'unshare (enforce)\nunpriv_unshare (enforce)\nunprivileged_userns (enforce)',
    },
    cause: 'apparmor-distro-helper-profile',
    confidence: 'likely',
    remedy: /from the program itself/,
  },
  {
    about: 'Ubuntu 24.04, which says so in its log',
    failure: later('propagation', 'EACCES'),
    evidence: {
      ...UBUNTU,
      'kernel log':
        'audit: type=1400 apparmor="AUDIT" operation="userns_create" class="namespace" info="Userns create - transitioning profile" profile="unconfined" pid=7 comm="x" requested="userns_create" target="unprivileged_userns"',
    },
    cause: 'apparmor-userns-restricted',
    confidence: 'certain',
  },
  {
    about: 'no newuidmap',
    failure: helper('ENOENT'),
    evidence: { 'command newuidmap': null, 'command newgidmap': null },
    cause: 'newuidmap-missing',
    confidence: 'certain',
    remedy: /^sudo apt install uidmap$/,
  },
  {
    about: 'no newuidmap on Alpine, as podman says it',
    failure: { ...helper(null), text: 'exec: "newuidmap": executable file not found in $PATH' },
    evidence: { '/etc/os-release': 'ID=alpine' },
    without: ['command newuidmap', 'command newgidmap'],
    cause: 'newuidmap-missing',
    confidence: 'likely',
    remedy: /apk add shadow-uidmap/,
  },
  {
    about: 'newuidmap with both the bit and capabilities',
    failure: { ...helper('EACCES'), text: 'newuidmap: open of uid_map failed: Permission denied' },
    evidence: { ...SETUID_HELPERS, '/usr/bin/newuidmap (capabilities)': '0100000280000000000000000000000000000000' },
    cause: 'newuidmap-setuid-plus-filecaps',
    confidence: 'certain',
    remedy: /chmod u-s \/usr\/bin\/newuidmap/,
  },
  {
    about: 'newuidmap without privilege, on Fedora',
    failure: helper('EPERM'),
    evidence: {
      ...SETUID_HELPERS,
      '/etc/os-release': 'ID=fedora\nVERSION_ID=41',
      '/usr/bin/newuidmap (mode)': '0755',
      '/usr/bin/newuidmap (capabilities)': null,
    },
    cause: 'newuidmap-not-privileged',
    confidence: 'certain',
    remedy: /dnf reinstall shadow-utils/,
  },
  {
    about: 'newuidmap under no_new_privs',
    failure: helper('EPERM'),
    evidence: { ...SETUID_HELPERS, '/proc/self/status': status({ NoNewPrivs: '1' }) },
    cause: 'no-new-privs-blocks-newuidmap',
    confidence: 'certain',
  },
  {
    about: 'newuidmap on a nosuid mount',
    failure: helper('EPERM'),
    evidence: {
      ...SETUID_HELPERS,
      '/proc/self/mountinfo': '27 1 8:1 / / rw,nosuid - ext4 /dev/sda1 rw\n22 27 0:21 / /proc rw - proc proc rw',
    },
    cause: 'no-new-privs-blocks-newuidmap',
    confidence: 'certain',
  },
  {
    about: 'newuidmap after newgrp',
    failure: {
      ...helper(null),
      text: 'newuidmap: Target process 4711 is owned by a different user: uid:1000 pw_uid:1000 st_uid:1000, gid:27 pw_gid:1000 st_gid:27',
    },
    evidence: { ...SETUID_HELPERS, '/proc/self/status': status({ Gid: '27\t27\t27\t27' }) },
    cause: 'passwd-gid-mismatch',
    confidence: 'likely',
    remedy: /^sg /,
  },
  {
    about: 'two ranges that overlap',
    failure: helper('EINVAL'),
    evidence: { ...SETUID_HELPERS, '/etc/subuid': 'jo:100000:65536\njo:150000:65536' },
    cause: 'subid-overlap',
    confidence: 'certain',
    remedy: /jo:150000:65536/,
  },
  {
    about: 'ranges in a directory service, and none for the user',
    failure: helper('EPERM'),
    evidence: {
      ...SETUID_HELPERS,
      '/etc/subuid': '',
      '/etc/subgid': '',
      '/etc/nsswitch.conf': 'passwd: files sss\nsubid: sss',
    },
    cause: 'subid-source-wrong',
    confidence: 'likely',
    remedy: /getsubids jo/,
  },
  {
    about: 'no range for the user',
    failure: { ...helper('EPERM'), text: 'newuidmap: uid range [1-65536) -> [100000-165535) not allowed' },
    evidence: { ...SETUID_HELPERS, '/etc/subuid': 'somebody:100000:65536', '/etc/subgid': 'somebody:100000:65536' },
    cause: 'subid-missing',
    confidence: 'certain',
    remedy: /usermod --add-subuids 100000-165535 --add-subgids 100000-165535 jo/,
  },
  {
    about: 'a /proc that hides processes',
    failure: helper('EPERM'),
    evidence: {
      ...SETUID_HELPERS,
      '/proc/self/mountinfo':
        '27 1 8:1 / / rw - ext4 /dev/sda1 rw\n22 27 0:21 / /proc rw - proc proc rw,hidepid=invisible',
    },
    cause: 'hidepid-setuid-helper',
    confidence: 'possible',
    remedy: /hidepid=0/,
  },
  {
    about: 'the namespaces of somebody else’s process',
    failure: { step: 'setns', errno: 'EACCES', namespaces: ['net'], requested: ['net'] },
    evidence: {},
    cause: 'setns-other-user',
    confidence: 'likely',
  },
  {
    about: 'a network that is joined before its owner',
    failure: { step: 'setns', errno: 'EPERM', namespaces: ['net'], requested: ['net'] },
    evidence: {},
    cause: 'setns-wrong-order',
    confidence: 'likely',
    remedy: /join "user"/,
  },
  {
    about: 'a call from a thread of Node.js',
    failure: { step: 'unshare', errno: 'EINVAL', namespaces: ['user'], requested: ['user'], syscall: 'unshare' },
    evidence: { '/proc/self/status': `${status()}\nThreads:\t11` },
    cause: 'multithreaded-caller',
    confidence: 'likely',
    remedy: /spawn/,
  },
  {
    about: 'id-mapped mounts on Linux 5.10',
    failure: { step: 'idmapped-mount', errno: 'ENOSYS', namespaces: ['mnt'] },
    evidence: { '/proc/sys/kernel/osrelease': '5.10.0-28-amd64' },
    cause: 'idmap-unsupported',
    confidence: 'certain',
  },
  {
    about: 'a cgroup of somebody else',
    failure: { step: 'into-cgroup', errno: 'EACCES', namespaces: [], path: '/sys/fs/cgroup' },
    evidence: {},
    cause: 'cgroup-not-delegated',
    confidence: 'likely',
    remedy: /Delegate=yes/,
  },
  {
    about: 'clone3 on Linux 4.19',
    failure: { step: 'clone', errno: 'ENOSYS', namespaces: [], syscall: 'clone3' },
    evidence: { '/proc/sys/kernel/osrelease': '4.19.0-27-amd64' },
    cause: 'syscall-missing',
    confidence: 'certain',
  },
  {
    about: 'offsets that come too late',
    failure: { step: 'time-offsets', errno: 'EACCES', namespaces: ['time'] },
    evidence: {},
    cause: 'time-frozen',
    confidence: 'likely',
  },
  {
    about: 'a pid namespace whose pid 1 is gone',
    failure: { step: 'clone', errno: 'ENOMEM', namespaces: ['pid'], requested: ['pid'] },
    evidence: {},
    cause: 'pid-init-gone',
    confidence: 'possible',
  },
  {
    about: 'a kernel whose module for overlay is not loaded',
    failure: mount('overlay', 'ENODEV'),
    evidence: { 'probe user': 'works', 'probe mnt': 'works', 'probe pid': 'works' },
    cause: 'filesystem-unknown',
    confidence: 'certain',
    remedy: /modprobe overlay/,
  },
  {
    about: 'a dead automount',
    failure: mount(null, 'ENODEV'),
    evidence: { 'probe user': 'works', 'probe mnt': 'works', 'probe pid': 'works' },
    cause: 'not-a-namespace-problem',
    confidence: 'certain',
  },
];

/** What is known of a machine, as a whole. */
export const evidenceOf = ({ evidence, without = [] }: Machine): Snapshot =>
  Object.fromEntries(Object.entries({ ...HEALTHY, ...evidence }).filter(([source]) => !without.includes(source)));
