import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import t from 'tap';
import { watchLeaks } from '../leaks.ts';

watchLeaks(t);

const door = new URL('../../lib/index.js', import.meta.url).href;
const isRoot = process.geteuid?.() === 0;

/** Runs a module that prints JSON, in a Node.js of its own. */
const inNode = (source: string, env: Record<string, string> = {}, wrap: readonly string[] = []): unknown => {
  const code = `import { run, explain, openBackend } from ${JSON.stringify(door)};\n${source}`;
  const argv = [...wrap, process.execPath, '--input-type=module', '-e', code];
  const done = spawnSync(argv[0] as string, argv.slice(1), { env: { ...process.env, ...env }, encoding: 'utf8' });
  if (done.status !== 0) return { status: done.status, stderr: done.stderr };
  return JSON.parse(done.stdout);
};

// A mask of its own takes a carrier, which nothing else here does.
const RUN_AND_TELL = `
  const result = await run('sh', ['-c', 'echo $$; cat /proc/sys/kernel/hostname'], {
    backend: 'ffi', namespaces: ['user', 'pid', 'uts', 'mnt', 'ipc', 'net'], mapRootUser: true, mountProc: true, hostname: 'hosted', umask: 0o22,
  });
  const host = openBackend('ffi')._unsafeUnwrap().backend.available()._unsafeUnwrap();
  console.log(JSON.stringify({
    host: host.replace(/.*host: /, ''),
    out: result.isOk() ? String(result.value.stdout) : result.error.message,
  }));
`;

const expected = '1\nhosted\n';

t.test('the host is a sealed memfd where that may be executed', async (t) => {
  t.same(inNode(RUN_AND_TELL), { host: 'a sealed memfd', out: expected });
});

for (const [name, told] of [
  ['file', `a file in ${tmpdir()}`],
  ['straight', 'no carrier: the vfork child itself'],
] as const) {
  t.test(`NS_FFI_HOST=${name} takes that host`, async (t) => {
    const env = { NS_FFI_HOST: name, XDG_RUNTIME_DIR: '' };
    t.same(inNode(RUN_AND_TELL, env), { host: told, out: expected });
    t.same(
      readdirSync(tmpdir()).filter((entry) => entry.startsWith('.ns-carrier')),
      [],
      'no file is left',
    );
  });
}

t.test('a machine that refuses executable memfds is served by a file', async (t) => {
  if (!isRoot) return void t.pass('not possible here', { skip: 'vm.memfd_noexec takes root to set' });
  // The sysctl belongs to a pid namespace: the machine's own is not touched.
  const wrap = [
    'unshare',
    '--pid',
    '--fork',
    '--mount-proc',
    'sh',
    '-c',
    'echo 2 > /proc/sys/vm/memfd_noexec && exec "$@"',
    'sh',
  ];
  const told = inNode(RUN_AND_TELL, { XDG_RUNTIME_DIR: '' }, wrap);
  if (JSON.stringify(told).includes('memfd_noexec'))
    return void t.pass('not possible here', { skip: 'this kernel has no vm.memfd_noexec' });
  return void t.same(told, { host: `a file in ${tmpdir()}`, out: expected });
});

t.test('without a directory to execute from, the vfork child does it all', async (t) => {
  if (!isRoot) return void t.pass('not possible here', { skip: 'mounting takes root' });
  const covered = ['/tmp/', '/dev/shm/', '/run/', '/var/tmp/', `${tmpdir()}/`];
  if (covered.some((dir) => new URL(door).pathname.startsWith(dir) || process.execPath.startsWith(dir))) {
    return void t.pass('not possible here', { skip: 'this checkout, or Node.js, lies in what would be covered' });
  }
  const script = `
    echo 2 > /proc/sys/vm/memfd_noexec || exit 1
    for dir in /tmp /dev/shm /run /var/tmp "$TMPDIR"; do
      if [ -d "$dir" ]; then mount -t tmpfs -o noexec none "$dir" || exit 1; fi
    done
    exec "$@"`;
  const wrap = ['unshare', '--pid', '--fork', '--mount', '--mount-proc', 'sh', '-c', script, 'sh'];
  const told = inNode(RUN_AND_TELL, { XDG_RUNTIME_DIR: '' }, wrap);
  if (JSON.stringify(told).includes('memfd_noexec'))
    return void t.pass('not possible here', { skip: 'this kernel has no vm.memfd_noexec' });
  return void t.same(told, { host: 'no carrier: the vfork child itself', out: expected });
});

t.test('the straight host refuses what is unsafe in shared memory, by name', async (t) => {
  const source = `
    const told = {};
    for (const [name, spec] of Object.entries({
      time: { namespaces: ['user', 'time'] },
      maps: { namespaces: ['user'], uidMap: { inside: 0, outside: 100000, count: 9 } },
    })) {
      const result = await run('true', [], { backend: 'ffi', ...spec });
      told[name] = result.isErr() ? result.error.type + ' ' + result.error.what : 'ran';
    }
    console.log(JSON.stringify(told));
  `;
  t.same(inNode(source, { NS_FFI_HOST: 'straight' }), {
    time: 'unsupported a new time namespace',
    maps: 'unsupported id maps that the child may not write itself',
  });
});
