// A context that is followed, where no SELinux is: in a mount namespace with a /proc and a /sys/fs that pretend.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { type EnterSpec, enter, openBackend, run, spawn } from '../../lib/index.ts';
import { ending, withChild } from '../contract/inside.ts';
import { failure, value } from '../contract/outcome.ts';

const CONTEXT = 'system_u:system_r:sshd_t:s0-s0:c0.c1023';

const shell = (script: string): void => {
  const { status, stderr } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
};

const backends = (['ffi', 'shell'] as const).filter((name) => openBackend(name).isOk());
for (const backend of backends) (await run('true', [], { backend, namespaces: ['uts'] }))._unsafeUnwrap();

const target = await value(spawn('cat', [], { stdio: ['pipe', 'ignore', 'ignore'] }));
const stage = mkdtempSync(join(tmpdir(), 'ns-context-'));
t.teardown(() => {
  shell(`umount --lazy ${stage}`);
  rmdirSync(stage);
});
shell(`mount --make-rprivate / && mount -t tmpfs none ${stage} && mkdir ${stage}/proc`);
shell(`mount --rbind /proc ${stage}/proc && mount -t tmpfs none /proc && mount -t tmpfs none /sys/fs`);

const real = `${stage}/proc`;
const theirs = `/proc/${target.pid}`;
const accepts = '/proc/thread-self/attr/exec';
for (const name of ['self', 'sys', 'filesystems', 'mounts', 'kallsyms'])
  symlinkSync(`${real}/${name}`, `/proc/${name}`);
for (const dir of ['/sys/fs/selinux', '/proc/thread-self/attr', `${theirs}/attr`]) mkdirSync(dir, { recursive: true });
for (const name of ['ns', 'mountinfo', 'status']) {
  symlinkSync(`${real}/thread-self/${name}`, `/proc/thread-self/${name}`);
  symlinkSync(`${real}/${target.pid}/${name}`, `${theirs}/${name}`);
}
symlinkSync(`${real}/${target.pid}/stat`, `${theirs}/stat`);
writeFileSync('/sys/fs/selinux/enforce', '1');
writeFileSync(`${theirs}/attr/current`, `${CONTEXT}\0`);

await withChild(target, async () => {
  for (const backend of backends) {
    t.test(`followContext on ${backend} asks for the context of the target`, async (t) => {
      writeFileSync(accepts, '');
      const spec: EnterSpec = { backend, types: [], followContext: true, stdio: 'ignore' };
      if (backend === 'shell') {
        t.match((await failure(enter(target.pid, 'true', [], spec), 'unsupported')).what, /followContext/);
        t.equal(readFileSync(accepts, 'utf8'), '');
        return;
      }
      const child = await value(enter(target.pid, 'true', [], spec));
      t.equal(ending(await value(child.exit)), 'exited 0');
      t.equal(readFileSync(accepts, 'utf8'), CONTEXT);
    });
  }
  t.test('followContext says what was refused, where the kernel does not take the context', async (t) => {
    shell(`rm ${accepts}`);
    const spec: EnterSpec = { backend: 'ffi', types: [], followContext: true, stdio: 'ignore' };
    if (!backends.includes('ffi')) return void t.pass('no ffi', { skip: 'the ffi backend is not to be had here' });
    const error = await failure(enter(target.pid, 'true', [], spec), 'setup-failed');
    t.match(error, { step: 'join', errno: 'ENOENT', path: accepts });
  });
});
