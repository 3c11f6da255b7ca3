import fc from 'fast-check';
import t from 'tap';
import { ERRNO, type ErrnoName } from '../../lib/errno.ts';
import { SETUP_STEPS } from '../../lib/errors.ts';
import { CAUSES } from '../../lib/host/causes.ts';
import { diagnoseAll, predict } from '../../lib/host/diagnose.ts';
import { type Snapshot, snapshotEvidence } from '../../lib/host/evidence.ts';
import type { Failure } from '../../lib/host/failure.ts';
import { NOTES } from '../../lib/host/notes.ts';
import { NAMESPACE_TYPES } from '../../lib/namespace.ts';
import { HEALTHY, status } from './healthy.ts';
import { evidenceOf, MACHINES } from './machines.ts';
import { disturbances, disturbed, NOISE } from './noise.ts';

const first = (failure: Failure, evidence: Snapshot) => diagnoseAll(failure, snapshotEvidence(evidence))[0];

for (const machine of MACHINES) {
  const { about, failure, cause, confidence, remedy, summary, shows } = machine;
  t.test(`diagnoseAll() puts ${cause} first: ${about}`, async (t) => {
    const found = first(failure, evidenceOf(machine));
    t.match(found, { cause, confidence });
    if (remedy !== undefined) t.match(found?.remedy[0], remedy);
    if (summary !== undefined) t.match(found?.summary, summary);
    if (shows !== undefined)
      t.same(
        found?.evidence.map(({ source }) => source),
        shows,
      );
    for (const { source, value } of found?.evidence ?? [])
      if (source.startsWith('probe ')) t.not(value, 'not known', 'what was not tried is no evidence');
    t.match(found?.summary, /^[^.\s].*[^.]$/, 'one sentence, no full stop');
    if (confidence !== 'certain') {
      t.match(found?.summary, /\b(?:likely|probably|perhaps|may|looks like)\b/, 'a guess is worded as one');
    }
    for (const { value } of found?.evidence ?? []) t.not(value, '', 'evidence shows what was read');
  });
}

t.test('CAUSES have ids of their own, each one with a machine and a note', async (t) => {
  const ids = CAUSES.map(({ id }) => id);
  t.equal(new Set(ids).size, ids.length);
  for (const id of ids) t.match(id, /^[a-z0-9.-]+$/);
  const covered = new Set(MACHINES.map(({ cause }) => cause));
  t.same(
    ids.filter((id) => !covered.has(id)),
    [],
  );
  t.same(Object.keys(NOTES).sort(), [...ids].sort(), 'and a note');
});

t.test('diagnoseAll() gives a user ids that are nobody’s, the way of its distribution', async (t) => {
  const remedy = (release: string, subuid: string, subgid: string | null = subuid) => {
    const evidence = { ...HEALTHY, '/etc/os-release': release, '/etc/subuid': subuid, '/etc/subgid': subgid };
    const failure: Failure = { step: 'newuidmap', errno: 'EPERM', namespaces: ['user'], path: 'newuidmap' };
    return first(failure, evidence)?.remedy[0];
  };
  const both = (from: number) => `--add-subuids ${from}-${from + 65_535} --add-subgids ${from}-${from + 65_535}`;
  t.equal(remedy('ID=debian', ''), `sudo usermod ${both(100_000)} jo`);
  t.equal(remedy('ID=debian', 'ann:100000:65536'), `sudo usermod ${both(165_536)} jo`, 'behind those of others');
  t.equal(remedy('ID=debian', 'b:165536:65536\na:100000:65536\nc:400000:1'), `sudo usermod ${both(231_072)} jo`);
  t.equal(remedy('ID=debian', 'a:100000:10', 'a:100005:10'), `sudo usermod ${both(100_015)} jo`, 'of both files');
  t.equal(
    remedy('ID=debian', '', 'jo:100000:65536'),
    'sudo usermod --add-subuids 165536-231071 jo',
    'only what is lacking',
  );
  t.equal(remedy('ID=alpine', ''), "echo 'jo:100000:65536' | sudo tee -a /etc/subuid /etc/subgid");
  t.match(
    remedy('ID=nixos', ''),
    /^users\.users\.jo\.subUidRanges = \[ \{ startUid = 100000; count = 65536; \} \]; .*subGid/,
  );
});

t.test('diagnoseAll() words what a container is to be told for the engine that made it', async (t) => {
  const [docker, podman] = [{ '/.dockerenv': '' }, { '/run/.containerenv': 'engine="podman-5.2"' }] as const;
  const pod = { 'environment KUBERNETES_SERVICE_HOST': '10.96.0.1', '/run/.containerenv': '' };
  const inPod = { '/proc/self/cgroup': '0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-1.scope' };
  const filtered = { '/proc/self/status': status({ Seccomp: '2' }) };
  const masked = {
    '/proc/self/mountinfo': `${HEALTHY['/proc/self/mountinfo']}\n40 22 0:40 / /proc/kcore rw - tmpfs tmpfs rw`,
  };
  const clone: Failure = { step: 'clone', errno: 'EPERM', namespaces: ['user'], requested: ['user'] };
  const proc: Failure = { step: 'mount-proc', errno: 'EPERM', namespaces: [], requested: ['user', 'pid', 'mnt'] };
  for (const [failure, evidence, cause, wanted] of [
    [clone, { ...filtered, ...docker }, 'seccomp-container-default', /^docker run --security-opt seccomp=/],
    [clone, { ...filtered, ...podman }, 'seccomp-container-default', /^podman run --security-opt seccomp=/],
    [clone, { ...filtered, ...pod }, 'seccomp-container-default', /^securityContext: .*# in the spec of the pod$/],
    [clone, { ...filtered, ...docker, ...inPod }, 'seccomp-container-default', /^securityContext: /],
    [proc, { ...masked, ...docker }, 'proc-masked', /^docker run --security-opt systempaths=unconfined/],
    [proc, { ...masked, ...podman }, 'proc-masked', /^podman run --security-opt unmask=ALL/],
    [proc, { ...masked, ...pod }, 'proc-masked', /procMount: Unmasked/],
  ] as const) {
    const found = first(failure, { ...HEALTHY, ...evidence });
    t.equal(found?.cause, cause);
    t.match(found?.remedy[0], wanted);
  }
});

t.test('predict() says nothing of overlay on kernels that allow it earlier', async (t) => {
  const overlay = (release: string, version = '') =>
    predict(
      [
        {
          step: 'mount',
          errno: 'EPERM',
          namespaces: ['user', 'mnt'],
          requested: ['user', 'mnt'],
          filesystem: 'overlay',
        },
      ],
      snapshotEvidence({ ...HEALTHY, '/proc/sys/kernel/osrelease': release, '/proc/version': version }),
    ).map(({ cause }) => cause);
  t.same(overlay('5.10.0-28-amd64'), ['overlay-in-userns-too-old']);
  t.same(overlay('4.18.0-553.el8_10.x86_64'), []);
  t.same(overlay('5.4.0-150-generic', 'Linux version 5.4.0-150-generic (buildd@x) (Ubuntu 9.4.0)'), []);
});

t.test('diagnoseAll() never lets newuidmap have both the setuid bit and capabilities', async (t) => {
  for (const [release, wanted] of [
    ['ID=debian', /chmod u\+s/],
    ['ID=fedora', /setcap/],
  ] as const) {
    const evidence = { ...HEALTHY, '/etc/os-release': release, '/usr/bin/newuidmap (mode)': '0755', '/.dockerenv': '' };
    const failure: Failure = { step: 'newuidmap', errno: 'EPERM', namespaces: ['user'], path: 'newuidmap' };
    const found = first(failure, evidence);
    t.equal(found?.cause, 'newuidmap-not-privileged');
    const text = found?.remedy.join('\n') ?? '';
    t.match(text, wanted);
    t.notMatch(text, /setcap[\s\S]*chmod u\+s|chmod u\+s[\s\S]*setcap/);
    t.notMatch(text, /on the host/, 'the file is in the container');
  }
});

t.test('diagnoseAll() is certain of nothing when no errno is known', async (t) => {
  for (const machine of MACHINES) {
    const { about, failure } = machine;
    const found = diagnoseAll({ ...failure, errno: null }, snapshotEvidence(evidenceOf(machine)));
    t.notOk(
      found.some(({ confidence }) => confidence === 'certain'),
      about,
    );
  }
});

const CALLS = SETUP_STEPS.flatMap((step) => (Object.keys(ERRNO) as ErrnoName[]).map((errno) => ({ step, errno })));

t.test('diagnoseAll() is sure of nothing on a machine of which nothing is known', async (t) => {
  const sure = CALLS.filter(({ step, errno }) => {
    const found = first({ step, errno, namespaces: NAMESPACE_TYPES }, {});
    // That there is no directory is what the errno says; it wants no evidence.
    return found?.confidence === 'certain' && found.cause !== 'mount-point-missing';
  });
  t.same(sure, []);
});

t.test('diagnoseAll() is sure of nothing on a healthy machine, but that the caller is no root', async (t) => {
  const sure = CALLS.map(({ step, errno }) => first({ step, errno, namespaces: ['uts'], requested: ['uts'] }, HEALTHY))
    .filter((found) => found?.confidence === 'certain')
    .map((found) => found?.cause);
  t.same([...new Set(sure)].sort(), ['mount-point-missing', 'needs-cap-sys-admin']);
});

/** What words a remedy never changes the answer. */
const MORE_NOISE: typeof NOISE = {
  ...NOISE,
  '/etc/os-release': ['ID=alpine', 'ID=nixos', 'ID="opensuse-leap"\nID_LIKE="suse"', 'ID=arch', 'ID="rocky"', null],
};

t.test('diagnoseAll() gives the same answer whatever stands where no cause looks', async (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...MACHINES),
      fc.record(
        Object.fromEntries(Object.entries(MORE_NOISE).map(([source, values]) => [source, fc.constantFrom(...values)])),
        { requiredKeys: [] },
      ),
      (machine, some) => {
        const { failure } = machine;
        const noise = some as Snapshot;
        const quiet = diagnoseAll(failure, snapshotEvidence(evidenceOf(machine)));
        const noisy = diagnoseAll(failure, snapshotEvidence({ ...evidenceOf(machine), ...noise }));
        const answer = (found: typeof quiet) => found.map(({ cause, confidence }) => `${cause} ${confidence}`);
        return JSON.stringify(answer(quiet)) === JSON.stringify(answer(noisy));
      },
    ),
    { numRuns: 500 },
  );
  t.pass('for 500 machines with noise');
});

t.test('diagnoseAll() gives the same answer whatever stands beside what it asks for', async (t) => {
  fc.assert(
    fc.property(fc.constantFrom(...MACHINES), disturbances, (machine, by) => {
      const whole = evidenceOf(machine);
      const answer = (evidence: Snapshot) =>
        diagnoseAll(machine.failure, snapshotEvidence(evidence)).map(
          ({ cause, confidence }) => `${cause} ${confidence}`,
        );
      return JSON.stringify(answer(disturbed(whole, by))) === JSON.stringify(answer(whole));
    }),
    { numRuns: 2000 },
  );
  t.pass('for 2000 machines');
});

t.test('diagnoseAll() reads nothing but the sources of this snapshot, and never throws', async (t) => {
  const text = fc.oneof(
    fc.constant(null),
    fc.constantFrom('0', '1', '-1', '2147483647', 'N', '', '\n', 'ID=debian', '::::', '0 0 0'),
    fc.string(),
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...SETUP_STEPS),
      fc.constantFrom(null, ...(Object.keys(ERRNO) as ErrnoName[])),
      fc.subarray([...NAMESPACE_TYPES]),
      fc.record(Object.fromEntries(Object.keys(HEALTHY).map((source) => [source, text])), { requiredKeys: [] }),
      (step, errno, namespaces, evidence) => {
        const found = diagnoseAll({ step, errno, namespaces, path: '/proc' }, snapshotEvidence(evidence as Snapshot));
        return found.every(({ cause, summary }) => cause !== '' && summary !== '');
      },
    ),
    { numRuns: 1000 },
  );
  t.pass('for 1000 machines of noise alone');
});

t.test('diagnoseAll() tells evidence that is absent from evidence that is not known', async (t) => {
  const failure: Failure = { step: 'clone', errno: 'EINVAL', namespaces: ['user'] };
  const evidence = { '/proc/sys/kernel/osrelease': '3.10.0-327.el7.x86_64', '/proc/cmdline': 'ro quiet' };
  const sources = (snapshot: Snapshot) =>
    Object.fromEntries(first(failure, snapshot)?.evidence.map(({ source, value }) => [source, value]) ?? []);
  const parameter = '/sys/module/user_namespace/parameters/enable';
  t.equal(sources(evidence)[parameter], 'not known');
  t.equal(sources({ ...evidence, [parameter]: null })[parameter], 'absent');
  t.equal(sources({ ...evidence, [parameter]: 'N' })[parameter], 'N');
});
