import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { type RunSpec, spawn } from '../../../lib/index.ts';
import { GID, PRIVILEGED, statusField, UID } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { sh, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';

/** Fields of /proc/PID/status that a command sees of itself. */
const status = async (spec: RunSpec): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await sh("grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs):' /proc/self/status", spec)).split('\n').map((line) => {
      const [name = '', ...words] = line.split(/[:\s]+/);
      return [name, words.filter(Boolean).join(' ')];
    }),
  );

const set = (...numbers: number[]): string =>
  numbers
    .reduce((bits, number) => bits | (1n << BigInt(number)), 0n)
    .toString(16)
    .padStart(16, '0');

const every = (): string => {
  const last = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'));
  return set(...Array.from({ length: last + 1 }, (_, at) => at));
};

const NONE = set();
const [CAP_CHOWN, CAP_KILL, CAP_NET_BIND_SERVICE] = [0, 5, 10];

/** A child that shares Node's memory must not change who it is: that would be Node's memory. */
const noIdsOnStraight = { 'ffi:straight': 'a change of uid makes the memory of Node non-dumpable' };

/** Whether a user, as whom nothing else is privileged, may enter the user namespace of a process. */
const mayEnter = (uid: number, pid: number): boolean => {
  const nsenter = ['nsenter', '-U', '--preserve-credentials', '-t', String(pid), 'true'];
  const drop = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups', '--'];
  return spawnSync('setpriv', [...drop, ...nsenter], { stdio: 'ignore' }).status === 0;
};

const range = { inside: 0, outside: 100_000, count: 1_000 };

const overflow = (): string => readFileSync('/proc/sys/kernel/overflowuid', 'utf8').trim();

export const credentials: readonly Claim[] = [
  {
    title: 'uid, gid and groups are what the command has, and its capabilities are gone',
    needs: ['root', 'id-ranges'],
    unsupportedOn: noIdsOnStraight,
    run: async (t, backend) => {
      const seen = await status({ backend, uid: 1234, gid: 2345, groups: [7, 5] });
      t.match(seen, {
        Uid: '1234 1234 1234 1234',
        Gid: '2345 2345 2345 2345',
        Groups: '5 7',
        CapEff: NONE,
        CapPrm: NONE,
      });
    },
  },
  {
    title: 'uid without groups leaves no supplementary group of the caller',
    needs: ['root', 'id-ranges'],
    unsupportedOn: noIdsOnStraight,
    run: async (t, backend) => {
      const groups = process.getgroups?.() ?? [];
      process.setgroups?.([UID === 0 ? 4 : GID, 6]);
      try {
        t.equal((await status({ backend, uid: 1234 }))['Groups'], '');
        t.equal((await status({ backend, gid: 1234 }))['Groups'], '');
        t.equal((await status({ backend, groups: [] }))['Groups'], '');
        t.equal(
          (await status({ backend, uid: 1234, groups: 'keep' }))['Groups'],
          '4 6',
          'unless they are kept by name',
        );
        t.equal((await status({ backend }))['Groups'], '4 6');
      } finally {
        process.setgroups?.(groups);
      }
    },
  },
  {
    title: 'uid and gid of ids inside a new user namespace are those of its map',
    needs: ['id-ranges', 'user-namespaces'],
    unsupportedOn: noIdsOnStraight,
    run: async (t, backend) => {
      const spec: RunSpec = { backend, namespaces: ['user', 'mnt', 'pid'], uidMap: range, gidMap: range };
      const seen = await status({ ...spec, uid: 33, gid: 44, groups: [55] });
      t.match(seen, { Uid: '33 33 33 33', Gid: '44 44 44 44', Groups: '55', CapEff: NONE, CapBnd: every() });
    },
  },
  {
    title: 'uid of a caller without privilege fails at the step credentials',
    needs: ['ordinary-user'],
    unsupportedOn: noIdsOnStraight,
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, uid: 0, groups: 'keep' }), 'setup-failed');
      t.strictSame([error.step, error.errno], ['credentials', 'EPERM']);
    },
  },
  {
    title: 'groups of a caller without privilege fails: what was asked for is never left out',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, groups: [] }), 'setup-failed');
      t.strictSame([error.step, error.errno], ['credentials', 'EPERM']);
    },
  },
  {
    title: 'keepCaps gives the command every capability of its user namespace, whoever it is there',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const all = { CapInh: every(), CapPrm: every(), CapEff: every(), CapAmb: every() };
      for (const spec of [
        { uidMap: { inside: 1000, outside: UID } },
        { mapCurrentUser: true },
        { mapRootUser: true },
      ] satisfies RunSpec[]) {
        t.match(await status({ backend, namespaces: ['user'], ...spec, keepCaps: true }), all, JSON.stringify(spec));
      }
      const seen = await status({ backend, namespaces: ['user'], keepCaps: true });
      t.match(seen, { ...all, Uid: Array(4).fill(overflow()).join(' ') }, 'without a map');
    },
  },
  {
    title: 'capabilities.ambient is what a command has that is not root inside, and nothing more',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec: RunSpec = { backend, namespaces: ['user', 'mnt'], uidMap: { inside: 1000, outside: UID } };
      const seen = await status({ ...spec, capabilities: { ambient: ['CAP_CHOWN', 'CAP_NET_BIND_SERVICE'] } });
      const two = set(CAP_CHOWN, CAP_NET_BIND_SERVICE);
      t.match(seen, { CapInh: two, CapPrm: two, CapEff: two, CapAmb: two, CapBnd: every() });
    },
  },
  {
    title: 'capabilities.bounding is what is left to a command that is root inside',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec: RunSpec = { backend, namespaces: ['user', 'mnt'], mapRootUser: true };
      const one = set(CAP_KILL);
      const seen = await status({ ...spec, capabilities: { bounding: ['CAP_KILL'] } });
      t.match(seen, { CapBnd: one, CapPrm: one, CapEff: one, CapInh: NONE, CapAmb: NONE });
      const none = await status({ ...spec, capabilities: { bounding: [] } });
      t.match(none, { CapBnd: NONE, CapPrm: NONE, CapEff: NONE });
      t.match(await status({ ...spec, capabilities: { bounding: 'all' } }), { CapBnd: every(), CapEff: every() });
    },
  },
  {
    title: 'capabilities outlive a change of uid when they are ambient',
    needs: ['root', 'id-ranges'],
    unsupportedOn: noIdsOnStraight,
    run: async (t, backend) => {
      const seen = await status({
        backend,
        uid: 1000,
        gid: 1000,
        capabilities: { ambient: ['CAP_KILL'], inheritable: ['CAP_CHOWN'], bounding: ['CAP_KILL', 'CAP_CHOWN'] },
      });
      t.match(seen, { CapInh: set(CAP_CHOWN, CAP_KILL), CapAmb: set(CAP_KILL), CapEff: set(CAP_KILL) });
      t.match(seen, { CapBnd: set(CAP_CHOWN, CAP_KILL), Uid: '1000 1000 1000 1000' });
    },
  },
  {
    title: 'capabilities.bounding of a caller without privilege fails at the step capabilities',
    needs: ['ordinary-user'],
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], { backend, capabilities: { bounding: [] } }), 'setup-failed');
      t.strictSame([error.step, error.errno], ['capabilities', 'EPERM']);
    },
    notOn: { shell: 'setpriv(1) drops what it can from the bounding set and says nothing of the rest' },
  },
  {
    title: 'noNewPrivs is on in the command, for whoever asks',
    run: async (t, backend) => {
      t.equal((await status({ backend, noNewPrivs: true }))['NoNewPrivs'], '1');
      t.equal((await status({ backend, noNewPrivs: false }))['NoNewPrivs'], (await status({ backend }))['NoNewPrivs']);
    },
  },
  {
    title: 'securebits "noroot" leaves root inside without capabilities',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec: RunSpec = {
        backend,
        namespaces: ['user'],
        mapRootUser: true,
        securebits: ['noroot', 'noroot_locked'],
      };
      t.match(await status(spec), { Uid: '0 0 0 0', CapEff: NONE, CapPrm: NONE });
    },
  },
  {
    title: 'owner is who the user namespace belongs to, outside',
    needs: ['root', 'id-ranges', 'nested-user-namespaces', 'tool:setpriv', 'tool:nsenter'],
    unsupportedOn: noIdsOnStraight,
    run: async (t, backend) => {
      const owner = { uid: 1_000, gid: 1_000 };
      const spec: RunSpec = { backend, namespaces: ['user', 'pid', 'mnt', 'uts'], owner, mountProc: true };
      const map = { inside: 0, outside: 100_000, count: 1_000 };
      t.equal(await sh('id -u; id -g; echo $$', { ...spec, uidMap: map, gidMap: map, hostname: 'owned' }), '0\n0\n1');
      const child = await value(spawn('cat', [], { ...spec, uidMap: map, gidMap: map }));
      await withChild(child, () => {
        t.ok(mayEnter(1_000, child.pid), 'the owner may enter it');
        t.notOk(mayEnter(1_001, child.pid), 'somebody else may not');
      });
      const unmapped = await value(spawn('cat', [], { ...spec, keepCaps: true }));
      await withChild(unmapped, ({ pid }) => {
        t.equal(statusField('Uid', pid).split(/\s+/)[0], '1000', 'without a map the command is its owner, outside');
      });
    },
  },
  {
    title: 'spawn() of credentials leaves this process who it was',
    needs: ['namespaces'],
    unsupportedOn: PRIVILEGED ? noIdsOnStraight : {},
    run: async (t, backend) => {
      const before = readFileSync('/proc/self/status', 'utf8').match(/^(Uid|Gid|Groups|Cap...|NoNewPrivs):.*$/gm);
      if (PRIVILEGED) await status({ backend, uid: 1000, gid: 1000, noNewPrivs: true, capabilities: { bounding: [] } });
      else await status({ backend, namespaces: ['user'], mapRootUser: true, noNewPrivs: true, keepCaps: true });
      t.strictSame(
        readFileSync('/proc/self/status', 'utf8').match(/^(Uid|Gid|Groups|Cap...|NoNewPrivs):.*$/gm),
        before,
      );
    },
  },
];
