import { mkdirSync, readdirSync, readFileSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import t, { type Test } from 'tap';
import { openBackend, run } from '../../lib/index.ts';
import { watchLeaks } from '../leaks.ts';
import { plainEnv } from '../plain-env.ts';

const TRACE = fileURLToPath(new URL('fixtures/trace.js', import.meta.url));
const isRoot = process.geteuid?.() === 0;

/** The most processes that a check may take. */
const MOST_PIDS = 400;

const skip = openBackend('ffi').match(
  () => false as const,
  ({ message }) => message,
);

watchLeaks(t);

const isAbove = (dir: string, path: string): boolean => path === dir || path.startsWith(`${dir}/`);

/** Directories that others write to as well: each gets an empty tmpfs of our own, unless what runs here lies below it. */
const SHARED = ['/tmp', '/run', '/dev/shm', '/var/tmp', tmpdir()].filter(
  (dir, index, all) =>
    all.indexOf(dir) === index &&
    !all.some((other) => other !== dir && isAbove(other, dir)) &&
    ![TRACE, process.execPath, process.cwd()].some((path) => isAbove(dir, path)) &&
    isThere(dir),
);

function isThere(dir: string): boolean {
  try {
    readdirSync(dir);
    return true;
  } catch {
    return false;
  }
}

/** A cgroup of our own, below which nobody else makes any; null where none can be made. */
const makeCgroup = (): string | null => {
  const mountPoint = readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .find((line) => line.includes(' - cgroup2 '))
    ?.split(' ')[4];
  const own = /^0::(.*)$/m.exec(readFileSync('/proc/self/cgroup', 'utf8'))?.[1];
  if (mountPoint === undefined || own === undefined) return null;
  const dir = `${mountPoint}${own}/ns-trace-${process.pid}`.replace('//', '/');
  try {
    mkdirSync(dir);
    return dir;
  } catch {
    return null;
  }
};

const trace = async (t: Test, backend: string): Promise<void> => {
  const cgroup = makeCgroup();
  try {
    const dirs = [...SHARED, ...(cgroup === null ? [] : [cgroup])];
    const { stdout, stderr } = (
      await run(process.execPath, [TRACE, backend, ...dirs], {
        backend: 'ffi',
        namespaces: isRoot ? ['mnt', 'pid'] : ['user', 'mnt', 'pid'],
        ...(isRoot ? {} : { mapRootUser: true }),
        ...(cgroup === null ? {} : { cgroup }),
        mountProc: true,
        mounts: SHARED.map((target) => ({ type: 'tmpfs' as const, target })),
        env: { ...plainEnv(), TMPDIR: SHARED[0] ?? tmpdir() },
      })
    )._unsafeUnwrap();
    t.not(stdout.toString(), '', stderr.toString());
    const { differing, pids, works, elapsedMs } = JSON.parse(stdout.toString());
    t.comment(`${backend}: ${works} work, ${pids} pids, ${Math.round(elapsedMs)} ms, files of ${dirs.join(', ')}`);
    t.strictSame(differing, [], 'no file, socket, directory or cgroup has come or gone');
    t.ok(works > 0, 'something was tried');
    t.ok(pids > 0 && pids < MOST_PIDS, `${pids} pids`);
  } finally {
    if (cgroup !== null) rmdirSync(cgroup);
  }
};

for (const backend of ['ffi', 'shell'] as const) {
  const why = openBackend(backend).match(
    () => false as const,
    ({ message }) => message,
  );
  t.test(`check() on ${backend} leaves no file and no cgroup, and takes few processes`, { skip: skip || why }, (t) =>
    trace(t, backend),
  );
}

t.test('check() without a place for a carrier leaves no file and no cgroup', { skip }, async (t) => {
  process.env['NS_FFI_HOST'] = 'straight';
  t.teardown(() => delete process.env['NS_FFI_HOST']);
  await trace(t, 'ffi');
});
