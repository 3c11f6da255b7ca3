import { lstatSync, readlinkSync } from 'node:fs';
import { type MountSpec, run } from 'linux-namespaces';

// A sandbox that takes no root: the machine's programs, read-only, and otherwise nothing but what is made here.

const programs = ['/usr', '/bin', '/sbin', '/lib', '/lib64'].flatMap((target): MountSpec[] => {
  const found = lstatSync(target, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink()
    ? [{ type: 'symlink', target, to: readlinkSync(target) }]
    : [{ type: 'bind', source: target, target, readOnly: true }];
});

const script = `
  echo "hello from pid $$" >/tmp/greeting
  cat /tmp/greeting /etc/motd
  ls /
  (echo no >/usr/no) 2>/dev/null || echo "/usr is read-only"
`;

const result = await run('sh', ['-c', script], {
  namespaces: ['user', 'mnt', 'pid', 'ipc', 'uts', 'net'],
  mapCurrentUser: true,
  root: { type: 'tmpfs', readOnly: true },
  mounts: [
    ...programs,
    { type: 'dev', target: '/dev' },
    { type: 'proc', target: '/proc' },
    { type: 'tmpfs', target: '/tmp', sizeBytes: 16 * 1024 * 1024, noSuid: true, noDev: true },
    { type: 'file', target: '/etc/motd', content: 'welcome\n', readOnly: true },
  ],
  init: true,
  hostname: 'sandbox',
  env: { PATH: '/usr/bin:/bin' },
});
console.log(result.isOk() ? String(result.value.stdout).trimEnd() : result.error.message);
