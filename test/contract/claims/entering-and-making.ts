import { readFileSync, readlinkSync } from 'node:fs';
import { type Child, type EnterSpec, enter, type SpawnSpec } from '../../../lib/index.ts';
import { PRIVILEGED } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, insideTarget, nameOfEchoing, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';

const IN_PID = "unshare(1) behind nsenter(1): which of two parents is the command's is not told";
const STRAIGHT = 'what is made inside of something that is entered takes clones with memory of their own';

const link = (pid: number, type: string): string => readlinkSync(`/proc/${pid}/ns/${type}`);

/** A target with pids and users of its own, whoever the caller is. */
const whileContained = (
  backend: BackendName,
  use: (target: Child) => Promise<unknown>,
  more: SpawnSpec = {},
): Promise<unknown> =>
  whileRunning({ backend, namespaces: ['user', 'pid', 'mnt'], mapRootUser: true, mountProc: true, ...more }, use);

/** How many namespaces there are between the caller's and that of a process, by the numbers that it has. */
const pidDepth = (pid: number): number => {
  const [, numbers = ''] = /^NSpid:\s+(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? [];
  return numbers.split(/\s+/).length - 1;
};

/** A command inside, for as long as `use` takes. */
const whileInside = async (target: Child, spec: EnterSpec, use: (child: Child) => Promise<unknown> | unknown) =>
  withChild(await value(enter(target, 'cat', [], { stdio: ['pipe', 'ignore', 'ignore'], ...spec })), use);

/** New namespaces of the same types as those that are entered. */
export const enteringAndMaking: readonly Claim[] = [
  {
    title: 'enter() makes a new pid namespace inside an entered one, and knows the command by its pid out here',
    needs: ['user-namespaces'],
    unsupportedOn: { shell: IN_PID, 'ffi:straight': STRAIGHT },
    run: (t, backend) =>
      whileContained(backend, async (target) => {
        const spec: EnterSpec = { backend, namespaces: ['pid', 'mnt'], mountProc: true };
        t.equal(await insideTarget(target, 'echo $$; ls -d /proc/[0-9]* | head -n 1', spec), '1\n/proc/1');
        await whileInside(target, { ...spec, stdio: ['pipe', 'pipe', 'ignore'] }, async (child) => {
          t.equal(await nameOfEchoing(child), 'cat');
          t.equal(pidDepth(child.pid), pidDepth(target.pid) + 1);
          t.not(link(child.pid, 'pid'), link(target.pid, 'pid'));
          t.equal(link(child.pid, 'user'), link(target.pid, 'user'));
          t.ok(child.kill('SIGKILL').isOk());
          t.equal(ending(await value(child.exit)), 'SIGKILL');
        });
      }),
  },
  {
    title: 'enter() makes a new pid namespace inside an entered one with an init, too',
    needs: ['user-namespaces'],
    unsupportedOn: { shell: IN_PID, 'ffi:straight': STRAIGHT },
    run: (t, backend) =>
      whileContained(backend, async (target) => {
        const spec: EnterSpec = { backend, namespaces: ['pid'], init: true };
        t.equal(await insideTarget(target, 'echo $$', spec), '2');
        const child = await value(enter(target, 'sh', ['-c', 'exit 7'], { ...spec, stdio: 'ignore' }));
        t.equal(ending(await value(child.exit)), 'exited 7');
      }),
  },
  {
    title: 'enter() makes a new user namespace below an entered one, as root there',
    needs: ['nested-user-namespaces'],
    unsupportedOn: { 'ffi:straight': STRAIGHT },
    run: (t, backend) =>
      whileContained(backend, async (target) => {
        const spec: EnterSpec = { backend, namespaces: ['user', 'uts'], mapRootUser: true, hostname: 'nebuchadnezzar' };
        const script = 'id -u; id -g; tr -s " " </proc/self/uid_map; uname -n; cat /proc/self/setgroups';
        t.equal(await insideTarget(target, script, spec), '0\n0\n 0 0 1\nnebuchadnezzar\ndeny');
        await whileInside(target, spec, (child) => {
          t.not(link(child.pid, 'user'), link(target.pid, 'user'));
          t.equal(link(child.pid, 'pid'), link(target.pid, 'pid'));
        });
        const other: EnterSpec = {
          backend,
          namespaces: ['user'],
          uidMap: { inside: 9, outside: process.geteuid?.() ?? 0 },
        };
        t.match(await insideTarget(target, 'id -u; tr -s " " </proc/self/uid_map', other), /^9\n 9 0 1$/);
      }),
  },
  {
    title: 'enter() makes user and pid namespaces at once, each below the entered one',
    needs: ['nested-user-namespaces'],
    unsupportedOn: { shell: IN_PID, 'ffi:straight': STRAIGHT },
    run: (t, backend) =>
      whileContained(backend, async (target) => {
        const spec: EnterSpec = { backend, namespaces: ['user', 'pid', 'mnt'], mapRootUser: true, mountProc: true };
        t.equal(
          await insideTarget(target, 'echo $$; id -u; readlink /proc/self >/dev/null && echo proc', spec),
          '1\n0\nproc',
        );
        await whileInside(target, spec, (child) => {
          t.equal(pidDepth(child.pid), pidDepth(target.pid) + 1);
          t.not(link(child.pid, 'user'), link(target.pid, 'user'));
        });
      }),
  },
  {
    title: "enter() makes a user namespace below the caller's own beside what is entered, with maps from outside",
    needs: ['id-ranges'],
    unsupportedOn: { 'ffi:straight': STRAIGHT },
    run: (t, backend) =>
      whileRunning({ backend, namespaces: ['uts'], hostname: 'zion' }, async (target) => {
        const ranges = { inside: 0, outside: 100_000, count: 1_000 };
        const spec: EnterSpec = { backend, namespaces: ['user'], uidMap: ranges, gidMap: ranges, uid: 5, gid: 6 };
        const script = 'uname -n; id -u; id -g; tr -s " " </proc/self/uid_map';
        t.equal(await insideTarget(target, script, spec), 'zion\n5\n6\n 0 100000 1000');
        const unmapped = enter(target, 'true', [], { ...spec, uid: 5_000 });
        t.equal((await failure(unmapped, 'invalid-option')).option, 'uid');
      }),
  },
  {
    title: 'enter() with maps from outside inside an entered pid namespace writes those of the right process',
    needs: ['id-ranges'],
    unsupportedOn: {
      shell: 'the pid that a tool tells from in there is not the one out here',
      'ffi:straight': STRAIGHT,
    },
    run: (t, backend) =>
      whileRunning({ backend, namespaces: ['pid'] }, async (target) => {
        const ranges = { inside: 0, outside: 100_000, count: 1_000 };
        const spec: EnterSpec = { backend, namespaces: ['user', 'pid'], uidMap: ranges, gidMap: ranges };
        t.equal(await insideTarget(target, 'echo $$; id -u', spec), '1\n0');
      }),
  },
  {
    title: 'enter() tells what cannot be made beside what is entered, and leaves nothing',
    needs: ['nested-user-namespaces'],
    unsupportedOn: { 'ffi:straight': STRAIGHT },
    run: (t, backend) =>
      whileContained(backend, async (target) => {
        const spec: EnterSpec = { backend, namespaces: ['user'], stdio: 'ignore' };
        const refused: readonly (readonly [string, EnterSpec])[] = [
          ['uid', { uid: 'follow' }],
          ['uid', { mapRootUser: true, uid: 5 }],
          ['preserveCredentials', { mapRootUser: true, preserveCredentials: true }],
          ...(PRIVILEGED ? ([['uidMap', { uidMap: { inside: 0, outside: 0, count: 2 } }]] as const) : []),
        ];
        for (const [option, more] of refused) {
          const error = await failure(enter(target, 'true', [], { ...spec, ...more }), 'invalid-option');
          t.equal(error.option, option, error.message);
        }
        const missing = await failure(enter(target, '/no/such/command', [], spec), 'exec-failed');
        t.equal(missing.errno, 'ENOENT');
        const nowhere = await failure(enter(target, 'true', [], { ...spec, cwd: '/nowhere' }), 'setup-failed');
        t.equal(nowhere.step, 'cwd');
      }),
  },
];
