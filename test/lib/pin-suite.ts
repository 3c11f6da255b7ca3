// pin() and unpin() in a mount namespace where nobody else is disturbed, with a /run of its own.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import t from 'tap';
import { inspect, type NamespaceHandle, openBackend, openNamespace, pin, run, spawn, unpin } from '../../lib/index.ts';
import { statusField, toolPath } from '../contract/caller.ts';
import { withChild } from '../contract/inside.ts';
import { failure, value } from '../contract/outcome.ts';
import { countLeaks } from '../leaks.ts';

const shell = (script: string): string => {
  const { status, stderr, stdout } = spawnSync('sh', ['-c', script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${script}: ${stderr}`);
  return stdout;
};

shell('mount --make-rprivate / && mount -t tmpfs none /run');
mkdirSync('/run/pins');
mkdirSync('/run/shared');
shell('mount -t tmpfs none /run/shared && mount --make-shared /run/shared');

const isFirstUserNamespace = /^\s*0\s+0\s+4294967295/.test(readFileSync('/proc/self/uid_map', 'utf8'));

const mounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');

/** Whether mount namespaces are younger than this one by their ids as well: since Linux 6.18 on one processor only. */
const ONE_PROCESSOR = !/[,-]/.test(statusField('Cpus_allowed_list'));

const withoutFile = (handle: NamespaceHandle): { readonly id: bigint | null } => {
  const { id } = handle;
  handle.close();
  return { id };
};

for (const backend of (['ffi', 'shell'] as const).filter((name) => openBackend(name).isOk())) {
  const spec = { backend };
  // What a backend keeps once it has been used.
  (await run('true', [], { backend, namespaces: ['uts'] }))._unsafeUnwrap();

  t.test(`pin() on ${backend} keeps a namespace after its processes, and unpin() lets it go`, async (t) => {
    const leaks = countLeaks();
    const before = mounts();
    const path = '/run/pins/uts';
    const child = await value(spawn('cat', [], { backend, namespaces: ['uts'], hostname: 'zion' }));
    const inode = await withChild(child, async () => {
      t.equal(await value(pin({ process: child, type: 'uts' }, path, spec)), path);
      return statSync(`/proc/${child.pid}/ns/uts`).ino;
    });
    t.equal(statSync(path).ino, inode);
    const held = await value(openNamespace({ path }));
    t.equal(`${held}`, `uts:[${inode}]`);
    const holders = inspect()
      ._unsafeUnwrap()
      .namespaces.find((found) => found.inode === inode)?.holders;
    if (backend === 'ffi') t.match(holders, { fds: [{ pid: process.pid, fd: held.fd }], pins: [{ path }] });
    held.close();
    await value(unpin(path, spec));
    t.equal(existsSync(path), false);
    t.equal(mounts(), before);
    t.strictSame(await leaks(), []);
  });

  t.test(`pin() on ${backend} by name makes what ip netns lists`, async (t) => {
    const child = await value(spawn('cat', [], { backend, namespaces: ['net'] }));
    await withChild(child, async () => {
      t.equal(await value(pin({ process: child, type: 'net' }, { name: 'blue' }, spec)), '/run/netns/blue');
    });
    if (toolPath('ip') !== null) t.match(shell('ip netns list'), /^blue\b/m);
    // In a user namespace, ip(8) cannot make what it lists.
    if (toolPath('ip') !== null && isFirstUserNamespace) {
      shell('ip netns add green');
      const green = await value(openNamespace({ path: '/run/netns/green' }));
      t.equal(green.type, 'net');
      green.close();
      await value(unpin({ name: 'green' }, spec));
      t.notMatch(shell('ip netns list'), /green/);
    }
    await value(unpin({ name: 'blue' }, spec));
    t.equal(existsSync('/run/netns/blue'), false);
    const wrong = await failure(pin({ process: process.pid, type: 'uts' }, { name: 'red' }, spec), 'invalid-option');
    t.equal(wrong.option, 'name');
    t.equal(existsSync('/run/netns/red'), false);
  });

  const skip = !ONE_PROCESSOR && 'there is no taskset in PATH to keep to one processor';
  t.test(`pin() on ${backend} pins a mount namespace below a shared mount`, { skip }, async (t) => {
    const path = '/run/shared/mnt';
    // Somebody to whom mounts are passed on.
    const peer = await value(spawn('cat', [], { backend, namespaces: ['mnt'], propagation: 'unchanged' }));
    await withChild(peer, async () => {
      const before = mounts();
      const child = await value(spawn('cat', [], { backend, namespaces: ['mnt'] }));
      const inode = await withChild(child, async () => {
        await value(pin({ process: child, type: 'mnt' }, path, spec));
        return statSync(`/proc/${child.pid}/ns/mnt`).ino;
      });
      t.equal(statSync(path).ino, inode);
      await value(unpin(path, spec));
      t.equal(existsSync(path), false);
      t.equal(mounts(), before);
    });
  });

  t.test(`pin() on ${backend} of a mount namespace that is not younger is EINVAL, and leaves nothing`, async (t) => {
    const before = mounts();
    const error = await failure(pin({ process: process.pid, type: 'mnt' }, '/run/pins/own', spec), 'pin-failed');
    t.equal(error.errno, 'EINVAL');
    const { id } = await value(openNamespace({ path: '/proc/self/ns/mnt' }).map(withoutFile));
    // Which of them is younger is told by ids, where somebody tells ids.
    if (id !== null) t.match(error.message, new RegExp(`no younger than the one to be pinned in \\(id ${id}\\)$`));
    t.equal(existsSync('/run/pins/own'), false);
    t.equal(mounts(), before);
  });

  t.test(`unpin() on ${backend} says who has it open`, async (t) => {
    const path = '/run/pins/busy';
    await value(pin({ process: process.pid, type: 'uts' }, path, spec));
    const held = await value(openNamespace({ path }));
    const error = await failure(unpin(path, spec), 'pin-failed');
    t.match(error, { errno: 'EBUSY', holders: [{ pid: process.pid, fd: held.fd }] });
    t.match(error.message, `process ${process.pid} (fd ${held.fd})`);
    await value(unpin(path, { ...spec, lazily: true }));
    t.equal(existsSync(path), false);
    held.close();
  });

  t.test(`pin() and unpin() on ${backend} tell what cannot be`, async (t) => {
    const own = { process: process.pid, type: 'uts' } as const;
    t.equal((await failure(pin(own, '/run/nowhere/uts', spec), 'pin-failed')).errno, 'ENOENT');
    t.equal((await failure(unpin('/run/nowhere/uts', spec), 'pin-failed')).errno, 'EINVAL');
    t.equal((await failure(unpin('/run', spec), 'pin-failed')).errno, 'EINVAL');
    t.equal((await failure(pin(own, 'relative', spec), 'invalid-option')).option, 'place');
    t.equal((await failure(pin(own, { name: 'a/b' }, spec), 'invalid-option')).option, 'name');
    t.equal(
      (await failure(pin({ process: 0x7fffffff, type: 'uts' }, '/run/pins/x', spec), 'process-gone')).pid,
      0x7fffffff,
    );
    t.equal(existsSync('/run/pins/x'), false);
  });
}
