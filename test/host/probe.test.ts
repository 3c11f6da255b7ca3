import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { type CheckName, type CheckReport, check, openBackend, takeSnapshot } from '../../lib/index.ts';
import { watchLeaks } from '../leaks.ts';
import { plainEnv } from '../plain-env.ts';

const why = (backend: 'ffi' | 'shell'): string | false =>
  openBackend(backend).match(
    () => false,
    ({ message }) => message,
  );
const skip = why('ffi');
const DOOR = new URL('../../lib/index.js', import.meta.url).href;
const isRoot = process.geteuid?.() === 0;

watchLeaks(t);

const verdict = ({ subjects }: CheckReport, who: 'root' | 'user', name: CheckName, inUserNamespace = who === 'user') =>
  subjects
    .find((one) => one.who === who && one.inUserNamespace === inUserNamespace)
    ?.verdicts.find((one) => one.check === name);

/** Whether unshare(1) can do it, which is asked as an independent witness. */
const unshareDoes = (...options: readonly string[]): boolean =>
  spawnSync('unshare', [...options, 'true'], { stdio: 'ignore' }).status === 0;

for (const backend of ['ffi', 'shell'] as const) {
  t.test(`check() on ${backend} says of each type what unshare(1) shows`, { skip: why(backend) }, async (t) => {
    const report = (await check({ backend }))._unsafeUnwrap();
    t.match(report.probe, backend === 'ffi' ? /ffi-rs/ : /util-linux/);
    const caller = isRoot ? 'root' : 'user';
    const witness = isRoot ? [] : ['--user', '--map-root-user'];
    for (const [name, option] of [
      ['user', '--user'],
      ['mnt', '--mount'],
      ['uts', '--uts'],
      ['ipc', '--ipc'],
      ['net', '--net'],
      ['pid', '--pid'],
      ['cgroup', '--cgroup'],
    ] as const) {
      const works = verdict(report, caller, name)?.state === 'works';
      t.equal(works, unshareDoes(...witness, '--fork', option), name);
    }
  });
}

t.test('check() says the same on both backends', { skip: why('ffi') || why('shell') }, async (t) => {
  const [ffi, shell] = await Promise.all([check({ backend: 'ffi' }), check({ backend: 'shell' })]);
  const states = (report: typeof ffi) =>
    report
      ._unsafeUnwrap()
      .subjects.flatMap(({ who, inUserNamespace, verdicts }) =>
        verdicts.map(({ check, state }) => [`${who} ${inUserNamespace} ${check}`, state] as const),
      );
  const onFfi = new Map(states(ffi));
  // Without a tool for it nothing is known; what is known is the same.
  for (const [name, state] of states(shell)) if (state !== 'unknown') t.equal(state, onFfi.get(name), name);
});

t.test('check() says the same where no carrier can be executed', { skip }, async (t) => {
  const carried = (await check({ backend: 'ffi' }))._unsafeUnwrap();
  const { stdout } = spawnSync(
    process.execPath,
    [
      '-e',
      `import(${JSON.stringify(DOOR)}).then(({ check }) => check({ backend: 'ffi' })).then((report) => console.log(JSON.stringify(report._unsafeUnwrap())))`,
    ],
    { encoding: 'utf8', env: { ...process.env, NS_FFI_HOST: 'straight' } },
  );
  const copied: CheckReport = JSON.parse(stdout);
  t.match(copied.probe, /no carrier/);
  t.strictSame(copied.subjects, carried.subjects);
});

t.test('check() works in a process with many open files', { skip }, async (t) => {
  const fds = Array.from({ length: 150 }, () => openSync('/dev/null', 'r'));
  try {
    const many = (await check({ backend: 'ffi' }))._unsafeUnwrap();
    for (const fd of fds.splice(0)) closeSync(fd);
    const few = (await check({ backend: 'ffi' }))._unsafeUnwrap();
    t.strictSame(many.subjects, few.subjects);
  } finally {
    for (const fd of fds) closeSync(fd);
  }
});

t.test('check() tries id-mapped mounts on the file systems of the machine, and names them', { skip }, async (t) => {
  const { subjects } = (await check({ backend: 'ffi' }))._unsafeUnwrap();
  const root = subjects.find(({ who, inUserNamespace }) => who === 'root' && !inUserNamespace);
  const found = (name: CheckName) => root?.verdicts.find((one) => one.check === name);
  t.equal(found('idmapped-root')?.isTried, isRoot);
  if (!isRoot) return;
  const [type] = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4] === '/')
    .map((line) => line.split(' - ')[1]?.split(' ')[0]);
  t.equal(found('idmapped-root')?.filesystem, type);
  t.equal(found('idmapped-mount')?.filesystem, 'tmpfs');
});

t.test('check() on ffi tells of every check, tried or not', { skip }, async (t) => {
  const { subjects } = (await check({ backend: 'ffi' }))._unsafeUnwrap();
  t.same(
    subjects.map(({ who, inUserNamespace }) => [who, inUserNamespace]),
    [
      ['root', false],
      ['root', true],
      ['user', true],
    ],
  );
  for (const { who, verdicts } of subjects) {
    for (const { check, state, isTried, cause, note } of verdicts) {
      if (who === 'user' || isRoot) t.ok(isTried || note !== null || cause !== null, `${who}: ${check}`);
      if (state === 'blocked') t.not(cause, null, `${who}: ${check} has a cause`);
    }
  }
});

t.test('takeSnapshot() keeps what came of trying, and check() answers from it as it did', { skip }, async (t) => {
  const snapshot = (await takeSnapshot({ backend: 'ffi' }))._unsafeUnwrap();
  t.ok(snapshot.tried?.subjects.length);
  const report = (await check({ snapshot }))._unsafeUnwrap();
  const live = (await check({ backend: 'ffi' }))._unsafeUnwrap();
  t.strictSame(report.subjects, live.subjects, 'the ordinary user, too');
  const answers = ({ findings }: CheckReport) =>
    findings.map(({ cause, confidence, summary, remedy }) => ({ cause, confidence, summary, remedy }));
  t.strictSame(answers(report), answers(live));
  const states = report.subjects.flatMap(({ verdicts }) => verdicts.map(({ check, state }) => `${check} ${state}`));
  const tried = snapshot.tried?.subjects.flatMap(({ outcomes }) => outcomes.filter(({ failure }) => failure === null));
  t.equal(states.filter((line) => line.endsWith('works')).length, tried?.length);
});

const NS_CHECK = fileURLToPath(new URL('../../published/ns-check.js', import.meta.url));

/** What ns-check says behind a shell script that ends in `"$@"`. */
const checkIn = (script: string, backend: string, env: NodeJS.ProcessEnv = {}): CheckReport | null => {
  const command = [process.execPath, NS_CHECK, '--json', '--backend', backend];
  const { stdout } = spawnSync('sh', ['-c', script, 'sh', ...command], {
    encoding: 'utf8',
    env: { ...plainEnv(), ...env },
  });
  return stdout === '' ? null : JSON.parse(stdout);
};

const needsUserNamespaces = unshareDoes('-Ur') ? false : 'no user namespace can be made here with unshare(1)';

for (const backend of ['ffi', 'shell'] as const) {
  const skip = why(backend) || needsUserNamespaces;
  t.test(`check() on ${backend} knows a chroot, even one into another mount of the same root`, { skip }, async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'ns-chroot-'));
    t.teardown(() => rmdirSync(dir));
    const report = checkIn(
      `exec unshare -Urm sh -c 'mount --rbind / "$DIR" && exec chroot "$DIR" "$@"' sh "$@"`,
      backend,
      { DIR: dir },
    );
    t.match(report && verdict(report, 'root', 'user'), { cause: 'chroot-caller', confidence: 'certain' });
  });

  t.test(`check() on ${backend} says nothing of users that a user namespace does not have`, { skip }, async (t) => {
    const report = checkIn('exec unshare -U --map-root-user "$@"', backend);
    t.match(report && verdict(report, 'user', 'net'), { state: 'unknown', note: /is not mapped/ });
    t.notOk(report?.findings.some(({ blocks }) => blocks.some(({ who }) => who === 'user')));
  });
}

t.test('check() needs no PATH to try with tools', { skip: why('shell') || needsUserNamespaces }, async (t) => {
  const report = checkIn('exec env PATH=/no/such/directory "$@"', 'shell');
  t.match(report && verdict(report, report.caller, 'user'), { state: 'works' });
});

t.test('check() without trying says that nothing works', async (t) => {
  const report = (await check({ probe: false }))._unsafeUnwrap();
  t.equal(report.probe, null);
  for (const { verdicts } of report.subjects) {
    for (const one of verdicts) t.not(one.state, 'works', 'evidence alone shows that of nothing');
  }
});

t.test('check() tries several times at once without mixing', { skip }, async (t) => {
  const reports = await Promise.all([check({ backend: 'ffi' }), check({ backend: 'ffi' }), check({ backend: 'ffi' })]);
  const [first, ...others] = reports.map((report) => JSON.stringify(report._unsafeUnwrap().subjects));
  for (const other of others) t.equal(other, first);
});
