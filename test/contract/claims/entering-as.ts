import { readlinkSync } from 'node:fs';
import { type EnterSpec, type EnterTarget, enter, openNamespace, spawn } from '../../../lib/index.ts';
import { GID, toolHas, UID } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { insideTarget, lineReader, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { CGROUP2, makeCgroup, mountsOf } from './cgroups.ts';

const NO_USER_STRAIGHT = { 'ffi:straight': 'a user namespace is never entered in memory that is shared with Node.js' };

const link = (pid: number | 'self', type: string): string => readlinkSync(`/proc/${pid}/ns/${type}`);

/** What nsenter(1) has to know for it, where it is nsenter that does it. */
const knows = (backend: BackendName, option: string): boolean => backend === 'ffi' || toolHas('nsenter', option);

/** A target whose user namespace calls the caller 7, as whom it runs itself. */
const SEVEN = {
  namespaces: ['user', 'uts'],
  uidMap: { inside: 7, outside: UID },
  gidMap: { inside: 8, outside: GID },
} as const;

/** Who the command is, with what rights, and where it is left. */
export const enteringAs: readonly Claim[] = [
  {
    title: 'uid and gid "follow" are those of the target, as it is called inside',
    needs: ['user-namespaces'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: (t, backend) =>
      whileRunning({ backend, ...SEVEN }, async (target) => {
        t.equal(await insideTarget(target, 'id -u; id -g', { backend, uid: 'follow', gid: 'follow' }), '7\n8');
      }),
  },
  {
    title: 'uid and gid "follow" are those of the target outside, where its user namespace is not entered',
    needs: ['root'],
    unsupportedOn: { 'ffi:straight': 'credentials are never changed in memory that is shared with Node.js' },
    run: (t, backend) =>
      whileRunning({ backend, uid: 1234, gid: 2345, namespaces: ['uts'] }, async (target) => {
        const spec: EnterSpec = { backend, types: ['uts'], uid: 'follow', gid: 'follow' };
        t.equal(await insideTarget(target, 'id -u; id -g; id -G', spec), '1234\n2345\n2345');
      }),
  },
  {
    title: 'keepCaps keeps the capabilities of an entered user namespace for whoever is not root there',
    needs: ['user-namespaces'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: (t, backend) =>
      whileRunning({ backend, ...SEVEN }, async (target) => {
        const script = 'id -u; sed -n "s/^CapEff:\\t0*//p" /proc/self/status';
        const spec: EnterSpec = { backend, preserveCredentials: true };
        t.equal(await insideTarget(target, script, spec), '7');
        if (!knows(backend, '--keep-caps')) {
          const error = await failure(enter(target, 'true', [], { ...spec, keepCaps: true }), 'unsupported');
          return void t.match(error.what, /keep-caps/);
        }
        t.match(await insideTarget(target, script, { ...spec, keepCaps: true }), /^7\n[0-9a-f]{8,}$/);
        const lonely = enter(target, 'true', [], { backend, types: [], keepCaps: true });
        t.equal((await failure(lonely, 'invalid-option')).option, 'keepCaps');
      }),
  },
  {
    title: 'noFork leaves the command out of an entered pid namespace, and has its children in it',
    needs: ['root'],
    unsupportedOn: { 'ffi:straight': 'a pid namespace is never entered in memory that is shared with Node.js' },
    run: (t, backend) =>
      whileRunning({ backend, namespaces: ['pid'] }, async (target) => {
        const spec: EnterSpec = { backend, types: ['pid'], noFork: true };
        const said = await insideTarget(target, 'readlink /proc/$$/ns/pid; readlink /proc/self/ns/pid', spec);
        t.equal(said, `${link('self', 'pid')}\n${link(target.pid, 'pid')}`);
        const forked = enter(target, 'true', [], { ...spec, namespaces: ['pid'] });
        t.equal((await failure(forked, 'invalid-option')).option, 'noFork');
      }),
  },
  {
    title: 'userParent enters the user namespace that owns the others, or the parent of the one that is named',
    needs: ['nested-user-namespaces', 'tool:unshare'],
    unsupportedOn: NO_USER_STRAIGHT,
    run: async (t, backend) => {
      const target = await value(
        spawn('unshare', ['-U', '-r', 'sh', '-c', 'echo ready; cat'], {
          backend,
          namespaces: ['user', 'uts'],
          mapRootUser: true,
          hostname: 'zion',
        }),
      );
      await withChild(target, async () => {
        t.equal(await lineReader(target.stdout)(), 'ready');
        const own = await value(openNamespace({ process: target, type: 'user' }));
        try {
          const script = 'uname -n; id -u; readlink /proc/self/ns/user';
          const spec: EnterSpec = { backend, types: ['uts'], userParent: true };
          if (!knows(backend, '--user-parent')) {
            const error = await failure(enter(target, 'true', [], spec), 'unsupported');
            return void t.match(error.what, /user-parent/);
          }
          const [name, uid, parent] = (await insideTarget(target, script, spec)).split('\n');
          t.strictSame([name, uid], ['zion', '0']);
          t.notOk([`${own}`, link('self', 'user')].includes(parent ?? ''), `${parent}`);
          const named = await insideTarget(own, script, { backend, userParent: true });
          t.equal(named.split('\n')[2], parent, 'the parent of the one that is named');
          const rights = 'id -u; sed -n "s/^CapBnd:\\t0*//p" /proc/self/status; cat /proc/self/setgroups';
          const bound = await insideTarget(target, rights, { ...spec, capabilities: { bounding: ['CAP_CHOWN'] } });
          t.match(bound, /^0\n1\n(allow|deny)$/, 'with other credentials');
          const unmapped = enter(target, 'true', [], { ...spec, uid: 77, gid: 77 });
          t.equal((await failure(unmapped, 'setup-failed')).step, 'credentials');
          const followed = enter(target, 'true', [], { ...spec, uid: 'follow' });
          t.equal((await failure(followed, 'invalid-option')).option, 'uid');
        } finally {
          own.close();
        }
      });
    },
  },
  {
    title: 'joinCgroup moves the command into the cgroup of the target, of the unified hierarchy',
    needs: ['root'],
    run: async (t, backend) => {
      const path = makeCgroup(t, mountsOf(CGROUP2)[0]);
      if (path === null)
        return void t.pass('skipped', { skip: 'no unified hierarchy where this caller may make a cgroup' });
      const name = path.slice(path.lastIndexOf('/'));
      const script = 'grep ^0:: /proc/self/cgroup';
      await whileRunning({ backend, cgroup: path }, async (target) => {
        const spec: EnterSpec = { backend, types: [] };
        t.notMatch(await insideTarget(target, script, spec), name);
        t.match(await insideTarget(target, script, { ...spec, joinCgroup: true }), new RegExp(`${name}$`));
      });
    },
  },
  {
    title: 'followContext is refused by name where this kernel does not run SELinux',
    run: async (t, backend) => {
      const target: EnterTarget = process.pid;
      const outcome = await enter(target, 'true', [], { backend, types: [], followContext: true });
      if (outcome.isErr() && outcome.error.type === 'unsupported') {
        return void t.match(outcome.error, { what: '"followContext"', needs: /SELinux/ });
      }
      // Where it runs, only ffi can: nsenter(1) has no word for a context by a handle.
      if (outcome.isOk()) await withChild(outcome.value, (child) => value(child.exit));
      t.equal(outcome.isOk(), backend === 'ffi');
    },
  },
];
