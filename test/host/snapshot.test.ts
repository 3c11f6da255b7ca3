import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import t from 'tap';
import { diagnoseAll } from '../../lib/host/diagnose.ts';
import { snapshotEvidence } from '../../lib/host/evidence.ts';
import { redact } from '../../lib/host/redact.ts';
import { parseSnapshot, type SnapshotDocument } from '../../lib/host/snapshot.ts';
import { failureFrom } from '../../lib/host/symptom.ts';
import { check, readSnapshot, takeSnapshot } from '../../lib/index.ts';
import { evidenceOf, MACHINES } from './machines.ts';

const document = (evidence: Readonly<Record<string, string | null>>): SnapshotDocument => ({
  format: 'linux-namespaces-snapshot',
  version: 1,
  isRedacted: false,
  evidence,
  observed: [],
  tried: null,
});

t.test('takeSnapshot() of this machine is read again as it was', async (t) => {
  const taken = (await takeSnapshot({ observed: [{ text: 'unshare failed: Invalid argument' }] }))._unsafeUnwrap();
  t.equal(taken.evidence['/proc/sys/kernel/osrelease'], readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim());
  t.match(taken.evidence['/proc/self/status'], /^CapEff:/m);
  t.same((await readSnapshot(JSON.stringify(taken)))._unsafeUnwrap(), taken);
});

t.test('parseSnapshot() names the place that is wrong', async (t) => {
  const good = document({ '/a': '1' });
  for (const [text, place] of [
    ['{', 'snapshot'],
    ['[]', 'snapshot'],
    ['{}', 'snapshot.format'],
    [JSON.stringify({ ...good, version: 2 }), 'snapshot.version'],
    [JSON.stringify({ ...good, isRedacted: 'no' }), 'snapshot.isRedacted'],
    [JSON.stringify({ ...good, evidence: [] }), 'snapshot.evidence'],
    [JSON.stringify({ ...good, evidence: { '/a': 0 } }), 'snapshot.evidence["/a"]'],
    [JSON.stringify({ ...good, tried: { how: 'x', subjects: [{ who: 'root' }] } }), 'snapshot.tried'],
    [JSON.stringify({ ...good, observed: {} }), 'snapshot.observed'],
    [JSON.stringify({ ...good, observed: [{ errno: 'nope' }] }), 'observed[0].errno'],
    [JSON.stringify({ ...good, observed: [{}, { namespaces: ['usr'] }] }), 'observed[1].namespaces'],
    [JSON.stringify({ ...good, observed: [{ what: 1 }] }), 'observed[0].what'],
  ] as const) {
    const result = parseSnapshot(text);
    t.match(result.isErr() && result.error, { type: 'invalid-option', option: place }, place);
  }
});

t.test('parseSnapshot() never throws', async (t) => {
  fc.assert(
    fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
      const result = parseSnapshot(text);
      return result.isErr() && result.error.type === 'invalid-option';
    }),
  );
  t.pass('whatever the text');
});

t.test('docs/snapshot.schema.json allows the fields that parseSnapshot() does', async (t) => {
  const schema = JSON.parse(readFileSync('docs/snapshot.schema.json', 'utf8'));
  for (const field of Object.keys(schema.properties.observed.items.properties)) {
    const result = parseSnapshot(JSON.stringify({ ...document({}), observed: [{ [field]: null }] }));
    t.match(
      result.isErr() && result.error.message,
      /docs\/snapshot\.schema\.json/,
      `${field} is known, and null is not its value`,
    );
  }
});

t.test('redact() takes out who and where, and keeps what causes ask for', async (t) => {
  const { evidence, observed } = redact({
    ...document({
      account: 'alice:1000:1000',
      '/etc/subuid': 'alice:100000:65536\nbob:165536:65536\nroot:1:1',
      '/etc/subgid': 'alice:100000:65536',
      '/proc/sys/kernel/hostname': 'secret-host',
      '/proc/version': 'Linux version 6.1.0 (alice@secret-host) (gcc) #1 SMP',
      '/proc/cmdline': 'BOOT_IMAGE=/vmlinuz root=UUID=1fe358bc ro user_namespace.enable=1 token=abc',
      '/proc/self/exe': '/home/alice/.nvm/bin/node',
      '/proc/self/cgroup': '0::/system.slice/alice-secret.service',
      '/proc/self/mountinfo':
        '27 1 8:1 / / rw - ext4 /dev/sda1 rw\n44 27 0:44 / /home/alice/share rw - nfs nas.example.org:/vol rw,addr=10.0.0.1',
      'command newuidmap': '/home/alice/bin/newuidmap',
      '/home/alice/bin/newuidmap (mode)': '4755',
      'environment KUBERNETES_SERVICE_HOST': '10.0.0.1',
    }),
    observed: [{ text: 'bwrap: /home/alice/x: secret-host alice', path: '/home/alice/x' }],
  });
  const text = JSON.stringify({ evidence, observed });
  for (const secret of ['alice', 'bob', 'secret', 'nas.example', '10.0.0.1', 'abc', '1fe358bc']) {
    t.notOk(text.includes(secret), `${secret} is gone`);
  }
  t.equal(evidence['/proc/cmdline'], 'user_namespace.enable=1');
  const name = evidence['account']?.split(':')[0];
  t.match(evidence['/etc/subuid'], new RegExp(`^${name}:100000:65536\nuser\\d+:165536:65536\nroot:1:1$`));
  const helper = evidence['command newuidmap'];
  t.equal(evidence[`${helper} (mode)`], '4755', 'equal paths stay equal');
});

t.test('redact() leaves no secret, wherever it stands', async (t) => {
  const secret = fc.stringMatching(/^zq[a-z]{6,12}$/);
  const places: readonly ((word: string) => Parameters<typeof document>[0])[] = [
    (word) => ({
      '/proc/sys/kernel/hostname': word,
      'kernel log': `${word} kernel: userns_create`,
      '/proc/version': word,
    }),
    (word) => ({ '/proc/sys/kernel/hostname': `${word}.example.org`, '/run/host/container-manager': word }),
    (word) => ({ account: `${word}:1000:1000`, 'kernel log': `audit: user=${word}` }),
    (word) => ({ 'ordinary user': `${word}:1000:1000`, '/proc/self/exe': `/home/${word}/bin/node` }),
    (word) => ({ '/etc/subuid': `root:1:1\n${word}:100000:65536`, '/etc/subgid (link)': `/nfs/${word}/subgid` }),
    (word) => ({ '/proc/cmdline': `ro ${word}=1 token=${word} root=/dev/mapper/${word}` }),
    (word) => ({
      '/proc/self/mountinfo': `27 1 8:1 /${word} /var/lib/${word}/x rw - nfs ${word}:/vol rw,addr=${word}`,
    }),
    (word) => ({ '/proc/self/mountinfo': `27 1 8:1 / /etc/${word} rw - ext4 /dev/${word} rw,${word}` }),
    (word) => ({ '/proc/self/mountinfo': `27 1 8:1 / /dev${word}/x rw - overlay o rw,lowerdir=/${word}` }),
    (word) => ({ '/proc/self/cgroup': `4:memory:/${word}/x\n0::/system.slice/${word}.service/app-${word}-1.scope` }),
    (word) => ({ '/proc/self/cgroup': `0::/lxc.payload.${word}\n1:cpu:/kubepods-burstable-pod${word}.slice` }),
    (word) => ({ '/proc/self/attr/current': `${word}-agent (enforce)` }),
    (word) => ({ '/proc/self/attr/current': `snap.${word}.app (enforce)` }),
    (word) => ({ '/proc/self/attr/current': `/usr/local/${word}/agent (enforce)` }),
    (word) => ({ '/proc/self/attr/current': `${word}_u:system_r:container_t:s0` }),
    (word) => ({ '/sys/kernel/security/apparmor/profiles': `node-${word} (enforce)\n/opt/${word}/node (complain)` }),
    (word) => ({ 'kernel log': `audit: apparmor="DENIED" profile="${word}" comm="${word}" name="/srv/${word}/x"` }),
    (word) => ({ 'kernel log': `newuidmap: see https://${word}.example.org/x, or mail ${word}@example.org` }),
    (word) => ({ 'command newuidmap': `/nfs/${word}/newuidmap`, [`/nfs/${word}/newuidmap (mode)`]: '4755' }),
    (word) => ({
      'environment container': word,
      'environment KUBERNETES_SERVICE_HOST': word,
      'environment DYNO': word,
    }),
    (word) => ({ '/etc/os-release': `ID=debian\nSUPPORT_URL="https://${word}.example.org"\nIMAGE_ID=${word}` }),
    (word) => ({ '/run/.containerenv': `name="${word}"`, '/.flatpak-info': `name=${word}` }),
  ];
  fc.assert(
    fc.property(secret, (word) => {
      for (const place of places) {
        const whole = {
          ...document(place(word)),
          observed: [{ text: `bwrap: /opt/${word}/x: no`, path: `/srv/${word}` }],
        };
        const text = JSON.stringify(redact(whole));
        if (text.includes(word)) throw new Error(text);
      }
    }),
    { numRuns: 50 },
  );
  t.equal(places.length, 22);
  const words = 'machine 0123456789abcdef0123456789abcdef at 10.20.30.40 or fe80:0:0:0:1:2:3:4, aa:bb:cc:dd:ee:ff';
  const { observed } = redact({ ...document({}), observed: [{ text: words }] });
  t.equal(observed[0]?.text, 'machine ID at ADDRESS or ADDRESS, ADDRESS');
  const named = {
    ...document({ '/proc/sys/kernel/hostname': 'vm' }),
    observed: [{ text: 'vm: /proc/sys/vm/memfd_noexec of vm, x/vm' }],
  };
  t.equal(
    redact(named).observed[0]?.text,
    'host: /proc/sys/vm/memfd_noexec of host, x/host',
    'but for the kernel’s own',
  );
});

t.test('redact() keeps what lies above what, and what every machine has', async (t) => {
  const { evidence } = redact(
    document({
      'command newuidmap': '/home/acme/bin/newuidmap',
      '/proc/self/mountinfo':
        '27 1 8:1 / /home/acme rw,nosuid - ext4 /dev/sda1 rw\n31 23 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup c rw\n9 1 0:4 net:[4026531840] /run/acme rw - nsfs nsfs rw\n8 1 0:5 / /proc/sys rw - tmpfs t rw',
      '/proc/self/cgroup': '12:pids:/docker/0123456789ab\n0::/user.slice/user-1000.slice/user@1000.service/x.service',
      '/proc/self/attr/current': 'docker-default (enforce)',
    }),
  );
  const points = evidence['/proc/self/mountinfo']?.split('\n').map((line) => line.split(' ')[4] ?? '');
  t.ok(evidence['command newuidmap']?.startsWith(`${points?.[0]}/`), `${evidence['command newuidmap']}`);
  t.match(points, [/^\/home\/dir\d+$/, '/sys/fs/cgroup/cpu,cpuacct', /^\/run\/dir\d+$/, '/proc/sys']);
  t.match(
    evidence['/proc/self/cgroup'],
    /^12:pids:\/docker\/dir\d+\n0::\/user\.slice\/user-1000\.slice\/user@1000\.service\/dir\d+\.service$/,
  );
  t.equal(evidence['/proc/self/attr/current'], 'docker-default (enforce)');
});

t.test('redact() changes no answer', async (t) => {
  for (const machine of MACHINES) {
    const whole = evidenceOf(machine);
    const answer = (evidence: typeof whole) =>
      diagnoseAll(machine.failure, snapshotEvidence(evidence)).map(({ cause, confidence }) => `${cause} ${confidence}`);
    t.same(answer(redact(document(whole)).evidence), answer(whole), machine.about);
  }
});

t.test('failureFrom() reads the messages of tools', async (t) => {
  for (const [text, wanted] of [
    ['unshare: unshare failed: Operation not permitted', { step: 'unshare', errno: 'EPERM', namespaces: ['user'] }],
    [
      'bwrap: No permissions to create new namespace, likely because the kernel does not allow non-privileged user namespaces',
      { step: 'unshare', errno: 'EPERM', namespaces: ['user'] },
    ],
    ['bwrap: setting up uid map: Permission denied', { step: 'id-map', errno: 'EACCES', path: '/proc/PID/uid_map' }],
    ['newuidmap: write to uid_map failed: Operation not permitted', { step: 'newuidmap', errno: 'EPERM' }],
    ['newuidmap: open of uid_map failed: Permission denied', { step: 'newuidmap', errno: 'EACCES' }],
    ['newuidmap: uid range [1-65536) -> [100000-165536) not allowed', { step: 'newuidmap', errno: null }],
    ['cannot clone: Invalid argument', { step: 'clone', errno: 'EINVAL' }],
    ['unshare: mount /proc failed: Operation not permitted', { step: 'mount-proc', errno: 'EPERM' }],
    ["nsenter: reassociate to namespace 'ns/net' failed: Operation not permitted", { step: 'setns', errno: 'EPERM' }],
    [
      'clone3({flags=CLONE_VM|CLONE_FS, exit_signal=0}, 88) = -1 EPERM (Operation not permitted)',
      { step: 'clone', errno: 'EPERM', namespaces: [] },
    ],
    [
      'clone(child_stack=NULL, flags=CLONE_NEWUSER|CLONE_NEWNET|SIGCHLD) = -1 ENOSPC (No space left on device)',
      { step: 'clone', errno: 'ENOSPC', namespaces: ['user', 'net'] },
    ],
    // What was typed stands before what came of it.
    [
      '$ unshare -fpT --mount-proc sh\nunshare: unshare failed: Invalid argument',
      { namespaces: ['pid', 'time', 'mnt'] },
    ],
    ['unshare -nS 0 -r: unshare failed: Operation not permitted', { namespaces: ['net', 'user'] }],
    ['bwrap --ro-bind / / --unshare-net-try true: Operation not permitted', { namespaces: ['net'] }],
    ['fork/exec /proc/self/exe: operation not permitted', { step: 'clone', errno: 'EPERM', namespaces: ['user'] }],
    ['No usable sandbox! If you are running on Ubuntu 23.10+', { step: 'unshare', errno: null, namespaces: ['user'] }],
  ] as const) {
    t.match(failureFrom({ text }), wanted, text);
  }
});

t.test('check() answers from a snapshot alone', async (t) => {
  const snapshot = document({
    caller: 'user',
    '/proc/sys/kernel/osrelease': '6.1.0-18-amd64',
    '/proc/sys/user/max_user_namespaces': '0',
  });
  const report = (await check({ snapshot }))._unsafeUnwrap();
  t.equal(report.probe, null);
  const user = report.subjects.find(({ who }) => who === 'user')?.verdicts ?? [];
  t.match(
    user.find(({ check }) => check === 'net'),
    { state: 'blocked', cause: 'max-userns-zero', isTried: false },
  );
  const root = report.subjects.find(({ who }) => who === 'root')?.verdicts ?? [];
  t.match(
    root.find(({ check }) => check === 'net'),
    { state: 'unknown' },
    'root needs no user namespace for it',
  );
  t.match(report.findings[0], {
    cause: 'max-userns-zero',
    blocks: [{ who: 'root', checks: ['user', 'nesting'] }, { who: 'root', inUserNamespace: true }, { who: 'user' }],
  });
  t.ok(report.missing.some(({ how }) => how === 'cat /proc/self/status'));
});

t.test('check() says of nothing that it is missing where nothing is known', async (t) => {
  const report = (await check({ snapshot: document({}) }))._unsafeUnwrap();
  t.same(report.findings, []);
  for (const { verdicts } of report.subjects) for (const { state } of verdicts) t.equal(state, 'unknown');
});

t.test('check() takes no errno that nobody saw for evidence', async (t) => {
  const snapshot = document({ '/proc/sys/user/max_user_namespaces': '0' });
  const { findings, subjects } = (await check({ snapshot }))._unsafeUnwrap();
  t.same(
    findings.map(({ cause }) => cause),
    ['max-userns-zero'],
  );
  for (const { verdicts } of subjects)
    for (const { state, cause } of verdicts) if (state === 'blocked') t.equal(cause, 'max-userns-zero');
});

t.test('check() knows no user that is not there', async (t) => {
  const result = await check({ user: 'no-such-user' });
  t.match(result.isErr() && result.error, { type: 'invalid-option', option: 'user', value: 'no-such-user' });
});
