import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type RunSpec, spawn } from '../../../lib/index.ts';
import { GID, made, PRIVILEGED, statusField, UID } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { said, sh, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { scratch } from '../scratch.ts';

const user = (backend: BackendName, more: RunSpec = {}): RunSpec => ({ backend, namespaces: ['user'], ...more });

/** A map file as a list of lines, each a list of numbers. */
const mapLines = (text: string): number[][] =>
  text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => line.trim().split(/\s+/).map(Number));

const map = async (name: 'uid_map' | 'gid_map', spec: RunSpec): Promise<number[][]> =>
  mapLines(await said('cat', [`/proc/self/${name}`], spec));

const ids = (spec: RunSpec): Promise<string> => sh('echo $(id -u) $(id -g)', spec);

const overflow = (kind: 'uid' | 'gid'): string => readFileSync(`/proc/sys/kernel/overflow${kind}`, 'utf8').trim();

const capabilities = async (spec: RunSpec): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await sh('grep Cap /proc/self/status', spec)).split('\n').map((line) => {
      const [name = '', bits = ''] = line.split(/:\s*/);
      return [name, bits];
    }),
  );

/** Every capability that this kernel knows. */
const everyCapability = (): string => {
  const last = BigInt(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8').trim());
  return ((1n << (last + 1n)) - 1n).toString(16).padStart(16, '0');
};

const NONE = '0'.repeat(16);

/** Nobody can write the maps of a child while that child has Node's thread. */
const ownMapsOnly = { 'ffi:straight': 'the vfork child cannot wait for its maps' };

const foreign = { inside: 0, outside: UID + 1000, count: 1 };

export const idMaps: readonly Claim[] = [
  {
    title: 'spawn() with a user namespace and no map leaves the command the overflow ids, 65534',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      t.equal(await ids(user(backend)), `${overflow('uid')} ${overflow('gid')}`);
      t.strictSame(await map('uid_map', user(backend)), []);
      t.strictSame(await map('gid_map', user(backend)), []);
    },
  },
  {
    title: 'mapRootUser makes the command uid 0 and gid 0 inside, by one line each',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec = user(backend, { mapRootUser: true });
      t.equal(await ids(spec), '0 0');
      t.strictSame(await map('uid_map', spec), [[0, UID, 1]]);
      t.strictSame(await map('gid_map', spec), [[0, GID, 1]]);
    },
  },
  {
    title: 'mapRootUser leaves files that are made inside to the caller',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const dir = scratch(t);
      await sh('echo text > "$1/made"', user(backend, { mapRootUser: true }), dir);
      const { uid, gid } = statSync(join(dir, 'made'));
      t.strictSame([uid, gid], [UID, GID]);
    },
  },
  {
    title: 'mapCurrentUser keeps the ids of the caller',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec = user(backend, { mapCurrentUser: true });
      t.equal(await ids(spec), `${UID} ${GID}`);
      t.strictSame(await map('uid_map', spec), [[UID, UID, 1]]);
      t.strictSame(await map('gid_map', spec), [[GID, GID, 1]]);
    },
  },
  {
    title: 'uidMap and gidMap of one id show the caller under the ids that were asked for',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec = user(backend, { uidMap: { inside: 1234, outside: UID }, gidMap: [{ inside: 567, outside: GID }] });
      t.equal(await ids(spec), '1234 567');
      t.strictSame(await map('uid_map', spec), [[1234, UID, 1]]);
    },
  },
  {
    title: 'uidMap alone leaves the group unmapped',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec = user(backend, { uidMap: { inside: 0, outside: UID } });
      t.equal(await ids(spec), `0 ${overflow('gid')}`);
      t.strictSame(await map('gid_map', spec), []);
    },
  },
  {
    title: 'gidMap alone leaves the user unmapped',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const spec = user(backend, { gidMap: { inside: 0, outside: GID } });
      t.equal(await ids(spec), `${overflow('uid')} 0`);
      t.strictSame(await map('uid_map', spec), []);
    },
  },
  {
    title: 'uidMap and gidMap of ranges are written as given, and keep the ids of a caller that they hold',
    needs: ['id-ranges', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const ranges = [
        { inside: 0, outside: UID, count: 1 },
        { inside: 1, outside: 100_000, count: 65_535 },
      ];
      const spec = user(backend, { uidMap: ranges, gidMap: ranges });
      t.strictSame(await map('uid_map', spec), [
        [0, UID, 1],
        [1, 100_000, 65_535],
      ]);
      t.strictSame(await map('gid_map', spec), [
        [0, UID, 1],
        [1, 100_000, 65_535],
      ]);
      t.equal(await ids(spec), '0 0');
    },
  },
  {
    title: 'uidMap and gidMap without the ids of the caller make the command uid 0 of the range',
    needs: ['id-ranges', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const range = { inside: 0, outside: 100_000, count: 65_536 };
      const spec = user(backend, { uidMap: range, gidMap: range });
      t.equal(await ids(spec), '0 0');
      await withChild(await value(spawn('cat', [], spec)), ({ pid }) => {
        t.equal(statusField('Uid', pid).split(/\s+/)[0], '100000', 'the uid that the host sees');
        t.equal(statusField('Gid', pid).split(/\s+/)[0], '100000', 'the gid that the host sees');
      });
    },
  },
  {
    title: 'uidMap of a range goes together with all other namespaces',
    needs: ['id-ranges', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const range = { inside: 0, outside: 100_000, count: 65_536 };
      const namespaces = ['user', 'pid', 'mnt', 'uts', 'ipc', 'net', 'cgroup'] as const;
      const spec = { backend, namespaces, uidMap: range, gidMap: range, mountProc: true, hostname: 'range' };
      t.equal(await sh('echo $$ $(id -u) $(cat /proc/sys/kernel/hostname) /proc/[0-9]*', spec), '1 0 range /proc/1');
    },
  },
  {
    title: 'setgroups reads "deny" in a user namespace whose map the command wrote itself',
    needs: ['user-namespaces'],
    run: async (t, backend) =>
      t.equal(await said('cat', ['/proc/self/setgroups'], user(backend, { mapRootUser: true })), 'deny'),
  },
  {
    title: 'setgroups "allow" of a privileged caller stays open inside',
    needs: ['id-ranges', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const range = { inside: 0, outside: 100_000, count: 65_536 };
      const spec = user(backend, { uidMap: range, gidMap: range, setgroups: 'allow' });
      t.equal(await said('cat', ['/proc/self/setgroups'], spec), 'allow');
      const script = 'process.setgroups([7, 8]); console.log(process.getgroups().sort().join())';
      t.equal(await said(process.execPath, ['-e', script], { ...spec, env: {} }), '0,7,8');
    },
  },
  {
    title: 'setgroups "deny" of a privileged caller is closed inside',
    needs: ['id-ranges', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const range = { inside: 0, outside: 100_000, count: 65_536 };
      const spec = user(backend, { uidMap: range, gidMap: range, setgroups: 'deny' });
      t.equal(await said('cat', ['/proc/self/setgroups'], spec), 'deny');
      const script = "try { process.setgroups([7]); console.log('may') } catch (e) { console.log(e.code) }";
      t.equal(await said(process.execPath, ['-e', script], { ...spec, env: {} }), 'EPERM');
    },
  },
  {
    title: 'setgroups "allow" of an ordinary user fails at the step id-map',
    needs: ['ordinary-user', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const error = await failure(
        spawn('true', [], user(backend, { mapRootUser: true, setgroups: 'allow' })),
        'setup-failed',
      );
      t.equal(error.step, 'id-map');
      t.equal(error.errno, 'EPERM');
    },
  },
  {
    title: 'uidMap of a foreign id fails at the step id-map for an ordinary user',
    needs: ['ordinary-user', 'user-namespaces'],
    unsupportedOn: ownMapsOnly,
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], user(backend, { uidMap: foreign })), 'setup-failed');
      t.equal(error.step, 'id-map');
      t.equal(error.errno, 'EPERM');
    },
  },
  {
    title: 'mapRootUser gives the command every capability inside, and no ambient one',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const caps = await capabilities(user(backend, { mapRootUser: true }));
      t.strictSame(
        { eff: caps['CapEff'], prm: caps['CapPrm'], inh: caps['CapInh'], amb: caps['CapAmb'] ?? NONE },
        { eff: everyCapability(), prm: everyCapability(), inh: NONE, amb: NONE },
      );
    },
  },
  {
    title: 'a command whose uid inside is not 0 has no capability',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const specs = {
        unmapped: user(backend),
        mapped: user(backend, { uidMap: { inside: 1000, outside: UID }, gidMap: { inside: 1000, outside: GID } }),
        ...(PRIVILEGED ? {} : { current: user(backend, { mapCurrentUser: true }) }),
      };
      for (const [name, spec] of Object.entries(specs)) {
        const caps = await capabilities(spec);
        const { CapEff: eff, CapPrm: prm, CapInh: inh, CapAmb: amb = NONE } = caps as Record<string, string>;
        t.strictSame([eff, prm, inh, amb], [NONE, NONE, NONE, NONE], name);
      }
    },
  },
  {
    title: 'a command whose uid inside is not 0 is set up in the other namespaces all the same',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const namespaces = ['user', 'pid', 'mnt', 'uts', 'ipc', 'net', 'cgroup'] as const;
      const spec = {
        backend,
        namespaces,
        uidMap: { inside: 1000, outside: UID },
        gidMap: { inside: 1000, outside: GID },
        mountProc: true,
        hostname: 'dropped',
      };
      const text = await sh(
        'echo $$ $(id -u) $(cat /proc/sys/kernel/hostname) /proc/[0-9]*; grep CapEff /proc/self/status',
        spec,
      );
      t.equal(text, `1 1000 dropped /proc/1\nCapEff:\t${NONE}`);
    },
  },
  {
    title: 'spawn() without a user namespace leaves capabilities and no_new_privs as child_process does',
    run: async (t, backend) => {
      const { execFileSync } = await import('node:child_process');
      const script = 'grep -e Cap -e NoNewPrivs -e Seccomp: /proc/self/status';
      const theirs = execFileSync('sh', ['-c', script], { encoding: 'utf8' }).trim();
      t.equal(await sh(script, { backend }), theirs);
      if (PRIVILEGED) t.equal(await sh(script, made(backend, ['uts', 'mnt', 'pid', 'net'])), theirs);
    },
  },
  {
    title: 'spawn() without a user namespace leaves ids and groups as they are',
    run: async (t, backend) => {
      const groups = (text: string): string => text.split(/\s+/).sort().join(' ');
      const own = [...new Set([GID, ...(process.getgroups?.() ?? [])])].join(' ');
      t.equal(await ids({ backend }), `${UID} ${GID}`);
      t.equal(groups(await sh('id -G', { backend })), groups(own));
    },
  },
  {
    title: 'the id of the caller outside is what /proc shows of a mapped command',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      await withChild(await value(spawn('cat', [], user(backend, { mapRootUser: true }))), ({ pid }) => {
        t.equal(statusField('Uid', pid).split(/\s+/)[0], `${UID}`);
        t.equal(statSync(`/proc/${pid}`).uid, UID, 'it is dumpable: its files in /proc are the caller’s');
      });
    },
  },
];
