import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import t from 'tap';
import { confinement, isInContainer } from '../../lib/host/confinement.ts';
import { distributionFamily, distributionOf } from '../../lib/host/distribution.ts';
import { liveEvidence, snapshotEvidence } from '../../lib/host/evidence.ts';
import { factsFrom } from '../../lib/host/facts.ts';
import { isOlder, parseKernelRelease } from '../../lib/host/kernel.ts';
import { parseMountinfo } from '../../lib/host/mountinfo.ts';
import { setSysctl } from '../../lib/host/remedy.ts';
import { HEALTHY, ROOT, status } from './healthy.ts';

t.test('liveEvidence() tells what stands there from what is absent and what cannot be read', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-evidence-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'zero'), '0\n');
  const { read } = liveEvidence();
  t.equal(read(join(dir, 'zero')), '0');
  t.equal(read(join(dir, 'gone')), null, 'absent');
  t.equal(read(join(dir, 'zero/below')), null, 'absent');
  t.equal(read(dir), 'zero', 'a directory is its names');
  t.equal(read(`${join(dir, 'zero')} (owner)`), String(process.getuid?.()));
  // Opening one's own memory is allowed, reading its first byte is not.
  t.equal(read('/proc/self/mem'), undefined, 'cannot be read');
  t.equal(read('/proc/self/exe'), process.execPath);
});

t.test('liveEvidence() reads a source once', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-evidence-'));
  t.teardown(() => rmSync(dir, { recursive: true }));
  const { read } = liveEvidence();
  t.equal(read(join(dir, 'later')), null);
  writeFileSync(join(dir, 'later'), '1');
  t.equal(read(join(dir, 'later')), null);
  t.equal(liveEvidence().read(join(dir, 'later')), '1');
});

t.test('snapshotEvidence() knows only what it lists', async (t) => {
  const { read } = snapshotEvidence({ '/a': '1', '/b': null });
  t.equal(read('/a'), '1');
  t.equal(read('/b'), null);
  t.equal(read('/c'), undefined);
  t.equal(read('constructor'), undefined);
});

t.test('parseKernelRelease() reads what distributions make of it', async (t) => {
  for (const [release, numbers, el7Build] of [
    ['6.18.44-fc-v657', [6, 18, 44], null],
    ['3.10.0-1160.119.1.el7.x86_64', [3, 10, 0], 1160],
    ['3.10.0-327.el7.x86_64', [3, 10, 0], 327],
    ['3.10.0-693.11.6.el7.x86_64', [3, 10, 0], 693],
    ['4.18.0-553.el8_10.x86_64', [4, 18, 0], null],
    ['5.10.102.1-microsoft-standard-WSL2', [5, 10, 102], null],
    ['2.6.32-754.el6.x86_64', [2, 6, 32], null],
    ['7.1-rc3', [7, 1, 0], null],
    ['3.10.0-957.1.3.el7a.aarch64', [3, 10, 0], 957],
  ] as const) {
    t.same(parseKernelRelease(release), { numbers, el7Build }, release);
  }
  t.equal(parseKernelRelease('generic'), null);
  t.equal(parseKernelRelease(''), null);
});

t.test('isOlder() compares numbers, not text', async (t) => {
  const older = (release: string, since: string) => {
    const version = parseKernelRelease(release);
    return version !== null && isOlder(version, since);
  };
  t.ok(older('5.4.0-150-generic', '5.6'));
  t.notOk(older('5.10.0-1', '5.6'));
  t.notOk(older('5.6.0', '5.6'));
  t.ok(older('2.6.18', '2.6.24'));
  t.notOk(older('10.0.0', '9.9.9'));
});

t.test('parseMountinfo() reads any path that the kernel writes', async (t) => {
  const escaped = (path: string) =>
    path.replace(/[ \t\n\\]/g, (char) => `\\${char.charCodeAt(0).toString(8).padStart(3, '0')}`);
  const name = fc.stringMatching(/^[^/\0]{1,12}$/).map((text) => text.replace(/\r/g, ''));
  fc.assert(
    fc.property(fc.array(name, { maxLength: 4 }), fc.array(name, { maxLength: 4 }), (root, point) => {
      const line = `36 35 98:0 ${escaped(`/${root.join('/')}`)} ${escaped(`/${point.join('/')}`)} rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue`;
      const [mount] = parseMountinfo(line);
      return (
        mount?.root === `/${root.join('/')}` &&
        mount.mountPoint === `/${point.join('/')}` &&
        mount.filesystem === 'ext3' &&
        mount.options.join() === 'rw,noatime'
      );
    }),
  );
  t.same(parseMountinfo('nonsense\n\n1 2 3'), []);
});

t.test('distributionOf() reads names as people write them', async (t) => {
  for (const [text, id, version] of [
    ['ID="centos"\nVERSION_ID="7"', 'centos', [7]],
    ['PRETTY_NAME="Ubuntu 24.04.3 LTS"', 'ubuntu', [24, 4, 3]],
    ['CentOS Linux release 7.2.1511 (Core)', 'centos', [7, 2, 1511]],
    ['NAME="Arch Linux"', 'arch', []],
    ['Debian GNU/Linux 10 (buster)', 'debian', [10]],
    ['rhel 8.5', 'rhel', [8, 5]],
    ['VERSION_ID=41.1', '', [41, 1]],
    ['Windows 10 with something', '', []],
  ] as const) {
    t.match(distributionOf(snapshotEvidence({ '/etc/os-release': text })), { id, version }, text);
    t.equal(distributionOf(snapshotEvidence({ '/etc/os-release': text })).version.length, version.length, text);
  }
  t.equal(distributionOf(snapshotEvidence({ '/etc/redhat-release': 'CentOS release 7.4' })).id, 'centos');
  t.equal(distributionOf(snapshotEvidence({})).id, '');
});

t.test('distributionFamily() goes by ID, then by what it is like', async (t) => {
  const family = (text: string | null) => distributionFamily(snapshotEvidence({ '/etc/os-release': text }));
  t.equal(family('NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian'), 'debian');
  t.equal(family('ID="centos"\nID_LIKE="rhel fedora"'), 'redhat');
  t.equal(family('ID="opensuse-leap"\nID_LIKE="suse opensuse"'), 'suse');
  t.equal(family('ID=linuxmint\nID_LIKE="ubuntu debian"'), 'debian');
  t.equal(family('ID=nixos'), 'nixos');
  t.equal(family('ID=mine'), 'other');
  t.equal(family(''), 'other');
  t.equal(family(null), 'other');
});

t.test('confinement() finds what surrounds the caller', async (t) => {
  for (const [wanted, marks] of [
    ['nothing known', {}],
    ['flatpak', { '/.flatpak-info': '[Application]' }],
    ['snap', { '/proc/self/attr/current': 'snap.node.node (enforce)' }],
    ['lxc', { 'environment container': 'lxc' }],
    ['lxc', { '/run/host/container-manager': 'incus' }],
    ['container', { '/.dockerenv': '' }],
    ['container', { '/run/.containerenv': 'engine="podman-4.3.1"' }],
    ['container', { 'environment KUBERNETES_SERVICE_HOST': '10.0.0.1' }],
    ['container', { 'environment container': 'podman' }],
    ['container', { '/proc/self/attr/current': 'system_u:system_r:container_t:s0:c1,c2' }],
    ['container', { '/proc/self/cgroup': '12:pids:/docker/0123abcd' }],
    ['service', { '/proc/self/cgroup': '0::/system.slice/nginx.service' }],
    ['service', { '/proc/self/cgroup': '0::/user.slice/user-1000.slice/user@1000.service/app.slice/x.service/y' }],
  ] as const) {
    const found = confinement(snapshotEvidence({ ...HEALTHY, ...marks }));
    t.equal(found, wanted, JSON.stringify(marks));
    t.equal(isInContainer(found), wanted !== 'nothing known' && wanted !== 'service');
  }
});

t.test('factsFrom() leaves open what is not known', async (t) => {
  const nothing = factsFrom(snapshotEvidence({}));
  t.equal(nothing.kernel(), null);
  t.equal(nothing.has('CAP_SYS_ADMIN'), undefined);
  t.equal(nothing.inFirstUserNamespace(), undefined);
  t.equal(nothing.ownIdsMapped(), undefined);
  t.equal(nothing.mounts(), undefined);
  t.equal(nothing.number('/proc/sys/user/max_user_namespaces'), undefined);
});

t.test('factsFrom() reads capabilities, maps and limits', async (t) => {
  const user = factsFrom(snapshotEvidence(HEALTHY));
  t.equal(user.has('CAP_SYS_ADMIN'), false);
  t.equal(user.inFirstUserNamespace(), true);
  t.equal(user.ownIdsMapped(), true);
  t.equal(user.number('/proc/sys/user/max_user_namespaces'), 127283);
  t.equal(factsFrom(snapshotEvidence({ ...HEALTHY, '/proc/self/status': ROOT })).has('CAP_SETFCAP'), true);
  const inside = factsFrom(
    snapshotEvidence({ ...HEALTHY, '/proc/self/uid_map': '0 1000 1', '/proc/self/status': status() }),
  );
  t.equal(inside.inFirstUserNamespace(), false);
  t.equal(inside.ownIdsMapped(), false);
});

t.test('setSysctl() is worded for who types it, and where', async (t) => {
  const words = (changes: Record<string, string | null>) =>
    setSysctl(factsFrom(snapshotEvidence({ ...HEALTHY, ...changes })), 'user.max_user_namespaces', 5, '9.conf');
  t.same(words({}), [
    'sudo sysctl -w user.max_user_namespaces=5',
    "echo 'user.max_user_namespaces = 5' | sudo tee /etc/sysctl.d/9.conf",
  ]);
  t.same(words({ '/proc/self/status': ROOT }), [
    'sysctl -w user.max_user_namespaces=5',
    "echo 'user.max_user_namespaces = 5' | tee /etc/sysctl.d/9.conf",
  ]);
  t.match(words({ '/etc/os-release': 'ID=nixos' })[1], /^boot\.kernel\.sysctl/);
  for (const command of words({ '/.dockerenv': '' })) t.match(command, /# on the host$/);
  const inside = { '/proc/self/uid_map': '0 1000 1', '/.dockerenv': '' };
  t.match(words(inside), [/^sudo sysctl -w user\.max_user_namespaces=5 {2}# as root of this user namespace/]);
  t.match(words({ ...inside, '/proc/self/status': ROOT }), [/^sysctl -w user\.max_user_namespaces=5 {2}# as root/]);
});
