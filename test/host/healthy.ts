import type { Snapshot } from '../../lib/host/evidence.ts';

const STATUS = {
  Name: 'node',
  Uid: '1000\t1000\t1000\t1000',
  Gid: '1000\t1000\t1000\t1000',
  NSpid: '4711',
  CapEff: '0000000000000000',
  NoNewPrivs: '0',
  Seccomp: '0',
};

/** The text of /proc/self/status, with some fields changed. */
export const status = (changes: Partial<typeof STATUS> = {}): string =>
  Object.entries({ ...STATUS, ...changes })
    .map(([field, value]) => `${field}:\t${value}`)
    .join('\n');

/** Root on the same machine. */
export const ROOT = status({ Uid: '0\t0\t0\t0', Gid: '0\t0\t0\t0', CapEff: '000001ffffffffff' });

/** An ordinary user on a machine where everything works. */
export const HEALTHY: Snapshot = {
  '/etc/os-release': 'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian',
  '/proc/sys/kernel/osrelease': '6.1.0-18-amd64',
  '/proc/version': 'Linux version 6.1.0-18-amd64 (gcc-12) #1 SMP PREEMPT_DYNAMIC',
  '/proc/cmdline': 'BOOT_IMAGE=/boot/vmlinuz root=/dev/sda1 ro quiet',
  '/proc/vz': null,
  '/proc/self/ns': 'cgroup ipc mnt net pid pid_for_children time time_for_children user uts',
  '/proc/self/status': status(),
  '/proc/self/uid_map': '         0          0 4294967295',
  '/proc/self/gid_map': '         0          0 4294967295',
  '/proc/self/uid_map (owner)': '1000',
  '/proc/self/exe': '/usr/bin/node',
  '/proc/self/attr/current': 'unconfined',
  '/proc/self/cgroup': '0::/user.slice/user-1000.slice/session-2.scope',
  '/proc/self/mountinfo': [
    '22 27 0:21 / /proc rw,relatime - proc proc rw',
    '23 27 0:22 / /sys rw,relatime - sysfs sysfs rw',
    '27 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw',
    '33 22 0:29 / /proc/sys/fs/binfmt_misc rw,relatime - autofs systemd-1 rw',
  ].join('\n'),
  ...Object.fromEntries(
    ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts'].map((type) => [
      `/proc/sys/user/max_${type}_namespaces`,
      '127283',
    ]),
  ),
  '/proc/sys/kernel/unprivileged_userns_clone': null,
  '/proc/sys/kernel/userns_restrict': null,
  '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': null,
  '/proc/sys/vm/memfd_noexec': null,
  '/sys/module/user_namespace/parameters/enable': null,
  '/sys/kernel/security/lsm': 'lockdown,capability,landlock,yama,apparmor',
  '/sys/fs/selinux/enforce': null,
  '/.dockerenv': null,
  '/.flatpak-info': null,
  '/run/.containerenv': null,
  '/run/host/container-manager': null,
  'environment DYNO': null,
  account: 'jo:1000:1000',
  '/etc/subuid': 'jo:100000:65536',
  '/etc/subgid': 'jo:100000:65536',
  '/etc/subuid (link)': null,
  '/etc/subgid (link)': null,
  '/etc/nsswitch.conf': 'passwd: files',
  'command newuidmap': '/usr/bin/newuidmap',
  'command newgidmap': '/usr/bin/newgidmap',
  '/usr/bin/newuidmap (mode)': '4755',
  '/usr/bin/newuidmap (owner)': '0',
  '/usr/bin/newuidmap (capabilities)': null,
  '/usr/bin/newgidmap (mode)': '4755',
  '/usr/bin/newgidmap (owner)': '0',
  '/usr/bin/newgidmap (capabilities)': null,
  'kernel log': '',
  'environment container': null,
  'environment KUBERNETES_SERVICE_HOST': null,
};
