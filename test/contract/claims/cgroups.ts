import { mkdirSync, readdirSync, readFileSync, rmdirSync, statfsSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { spawn } from '../../../lib/index.ts';
import { made, PRIVILEGED } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { sh } from '../inside.ts';
import { failure } from '../outcome.ts';

export const CGROUP2 = 0x63677270;
const CGROUP1 = 0x27e0eb;

/** Where hierarchies of that kind are mounted. */
export const mountsOf = (magic: number): readonly string[] =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .flatMap((line) => (/ - cgroup2? /.test(line) ? [line.split(' ')[4] ?? ''] : []))
    .filter((path) => {
      try {
        return statfsSync(path).type === magic;
      } catch {
        return false;
      }
    });

let count = 0;

/** Makes a cgroup below a mount for the time of a claim; null where this caller may not. */
export const makeCgroup = (t: Test, mount: string | undefined): string | null => {
  if (mount === undefined || !PRIVILEGED) return null;
  count += 1;
  const path = join(mount, `ns-test-${process.pid}-${count}`);
  try {
    mkdirSync(path);
  } catch {
    return null;
  }
  t.teardown(() => rmdirSync(path));
  return path;
};

/** A hierarchy of version 1 that wants no settings before it takes processes. */
const plainV1 = (): string | undefined =>
  mountsOf(CGROUP1).find((path) => /(pids|freezer|systemd|cpuacct)/.test(path) && !path.includes('cpuset'));

const skip = (t: Test, what: string): void => {
  t.pass('skipped', { skip: `no ${what} in which this caller may make a cgroup` });
};

export const cgroups: readonly Claim[] = [
  {
    title: 'cgroup of the unified hierarchy is where the command starts, and its cgroup namespace begins',
    needs: ['root', 'ns:cgroup'],
    run: async (t, backend) => {
      const path = makeCgroup(t, mountsOf(CGROUP2)[0]);
      if (path === null) return skip(t, 'unified hierarchy');
      const name = path.slice(path.lastIndexOf('/'));
      t.match(await sh('grep ^0:: /proc/self/cgroup', { backend, cgroup: path }), `0::${name}`);
      t.equal(
        await sh('echo $$; grep ^0:: /proc/self/cgroup', made(backend, ['pid', 'mnt', 'cgroup'], { cgroup: path })),
        '1\n0::/',
      );
      t.equal(readFileSync('/proc/self/cgroup', 'utf8').includes(name), false, 'the caller stays where it was');
      t.strictSame(readdirSync(path).includes('cgroup.procs'), true);
      return undefined;
    },
  },
  {
    title: 'cgroup of a hierarchy of version 1 is where the command moves first',
    needs: ['root'],
    run: async (t, backend) => {
      const path = makeCgroup(t, plainV1());
      if (path === null) return skip(t, 'hierarchy of version 1');
      const name = path.slice(path.lastIndexOf('/'));
      t.match(await sh('cat /proc/self/cgroup', { backend, cgroup: [path] }), new RegExp(`^\\d+:[^:]+:${name}$`, 'm'));
      const unified = makeCgroup(t, mountsOf(CGROUP2)[0]);
      if (unified !== null) {
        const both = await sh('cat /proc/self/cgroup', { backend, cgroup: [path, unified] });
        t.match(both, new RegExp(`^\\d+:[^:]+:${name}$`, 'm'));
        t.match(both, new RegExp(`^0::${unified.slice(unified.lastIndexOf('/'))}$`, 'm'));
      }
      return undefined;
    },
  },
  {
    title: 'cgroup that is gone by then fails at the step cgroup',
    needs: ['root'],
    run: async (t, backend) => {
      const path = mountsOf(CGROUP2)[0] ?? mountsOf(CGROUP1)[0];
      if (path === undefined || makeCgroup(t, path) === null) return skip(t, 'hierarchy');
      // A file of the hierarchy is of its file system, but no cgroup.
      const file = join(path, 'cgroup.procs');
      const error = await failure(spawn('true', [], { backend, cgroup: file }), 'setup-failed');
      t.equal(error.step, 'cgroup');
      return undefined;
    },
  },
  {
    title: 'cgroup of an ordinary user that may not write there fails at the step cgroup',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const path = mountsOf(CGROUP2)[0] ?? mountsOf(CGROUP1)[0];
      if (path === undefined) return skip(t, 'hierarchy');
      const error = await failure(spawn('true', [], { backend, cgroup: path }), 'setup-failed');
      t.equal(error.step, 'cgroup');
      // A container has the hierarchy, and may not write there at all.
      t.ok(error.errno === 'EACCES' || error.errno === 'EROFS', `errno ${error.errno}`);
      return undefined;
    },
  },
];
