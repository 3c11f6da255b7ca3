import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MountSpec, type NamespaceType, type RunSpec, run, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { said, sh, whileRunning } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { PROGRAMS, PROGRAMS_ENV } from '../sandbox.ts';
import { scratch } from '../scratch.ts';

const MOUNTS = { shell: 'mounts are for the ffi backend' } as const;
const WALKS = { ...MOUNTS, 'ffi:path': 'mount_setattr(2) alone reaches mounts that the caller does not see' } as const;

const mounting = (
  backend: BackendName,
  mounts: readonly MountSpec[],
  types: readonly NamespaceType[] = ['mnt'],
  more: RunSpec = {},
): RunSpec => made(backend, types, { mounts, ...more });

/** The type and the flags of the mount at a place, by the text of a mountinfo. */
const mountAt = (mountinfo: string, place: string): { readonly type?: string; readonly flags: readonly string[] } => {
  const line = mountinfo.split('\n').find((one) => one.split(' ')[4] === place) ?? '';
  const [type] = (line.split(' - ')[1] ?? '').split(' ');
  return { ...(type === undefined ? {} : { type }), flags: (line.split(' ')[5] ?? '').split(',') };
};

/** A directory with these files in it, by name. */
const filled = (dir: string, name: string, files: Readonly<Record<string, string>>): string => {
  const made = join(dir, name);
  mkdirSync(made);
  for (const [file, text] of Object.entries(files)) writeFileSync(join(made, file), text);
  return made;
};

const kernelClaim = (
  type: 'sysfs' | 'devpts' | 'mqueue' | 'cgroup2',
  types: readonly NamespaceType[],
  shows: string,
): Claim => ({
  title: `mounts ${type}: mounts it, nosuid and noexec`,
  needs: type === 'cgroup2' ? ['root'] : ['namespaces'],
  unsupportedOn: MOUNTS,
  run: async (t, backend) => {
    const target = scratch(t);
    const spec = mounting(backend, [{ type, target }], ['mnt', ...types]);
    const text = await sh('cat /proc/self/mountinfo; cd "$1" && ls -d "$2"', spec, target, shows);
    const { type: mounted, flags } = mountAt(text, target);
    t.equal(mounted, type);
    for (const flag of ['nosuid', 'noexec']) t.ok(flags.includes(flag), flag);
    t.equal(text.split('\n').at(-1), shows);
    const readOnly = mounting(backend, [{ type, target, readOnly: true }], ['mnt', ...types]);
    t.ok(mountAt(await said('cat', ['/proc/self/mountinfo'], readOnly), target).flags.includes('ro'));
  },
});

export const mountKinds: readonly Claim[] = [
  kernelClaim('sysfs', ['net'], 'class/net/lo'),
  kernelClaim('devpts', [], 'ptmx'),
  kernelClaim('mqueue', ['ipc'], '.'),
  kernelClaim('cgroup2', ['cgroup'], 'cgroup.controllers'),
  {
    title: 'mounts proc: hidepid and subset are those that were asked for',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const spec = mounting(backend, [{ type: 'proc', target, hidepid: 'invisible', subset: 'pid' }], ['mnt', 'pid']);
      const [options = '', meminfo] = (
        await sh('grep -F " $1 proc " /proc/self/mounts; test -e "$1/meminfo" || echo none', spec, target)
      ).split('\n');
      t.match(options, /hidepid=(2|invisible)/);
      t.match(options, /subset=pid/);
      t.equal(meminfo, 'none');
    },
  },
  {
    title: 'mounts overlay: changes go to upper, and lower stays as it was',
    needs: ['root', 'overlay'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const [a, b] = [filled(dir, 'a', { one: 'a', two: 'a' }), filled(dir, 'b,c:d', { two: 'b', three: 'b' })];
      const [upper, work, target] = [filled(dir, 'upper', {}), filled(dir, 'work', {}), filled(dir, 'target', {})];
      const spec = mounting(backend, [{ type: 'overlay', target, lower: [a, b], upper, work }]);
      const result = await run(
        'sh',
        ['-c', 'cat "$1/one" "$1/two" "$1/three"; echo new >"$1/four"', 'sh', target],
        spec,
      );
      if (result.isErr() && result.error.type === 'setup-failed' && result.error.errno === 'EINVAL') {
        t.comment(`${dir} is on a file system that cannot hold an upper directory`);
        return;
      }
      t.equal(String((await value(result)).stdout), 'aab');
      t.strictSame([readdirSync(upper), readdirSync(a), readdirSync(target)], [['four'], ['one', 'two'], []]);
    },
  },
  {
    title: 'mounts overlay: without upper it is read-only, topmost first',
    needs: ['namespaces', 'overlay'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const lower = [filled(dir, 'a', { one: 'a' }), filled(dir, 'b', { one: 'b', two: 'b' })];
      const target = filled(dir, 'target', {});
      const spec = mounting(backend, [{ type: 'overlay', target, lower }]);
      t.equal(await sh('cat "$1/one" "$1/two"; (: >"$1/new") 2>/dev/null || echo refused', spec, target), 'abrefused');
    },
  },
  {
    title: 'mounts overlay: with an upper in memory lower seems writable, and nothing is left',
    needs: ['namespaces', 'overlay'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const lower = filled(dir, 'lower', { one: 'old' });
      const spec = mounting(backend, [{ type: 'overlay', target: lower, lower: [lower], upper: { type: 'tmpfs' } }]);
      const script = 'echo new >"$1/one"; mkdir "$1/dir"; cat "$1/one"; ls "$1"; ls -a /..';
      const lines = (await sh(script, spec, lower)).split('\n');
      t.strictSame(lines.slice(0, 3), ['new', 'dir', 'one']);
      t.strictSame(lines.slice(3), (await said('ls', ['-a', '/'], made(backend, ['mnt']))).split('\n'));
      t.equal(readFileSync(join(lower, 'one'), 'utf8'), 'old');
      t.strictSame(readdirSync(lower), ['one']);
    },
  },
  {
    title: 'mounts dev: devices work, a devpts of its own, and nothing else of the machine',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const spec = made(backend, ['mnt', 'pid'], {
        root: { type: 'tmpfs' },
        mounts: [...PROGRAMS, { type: 'dev', target: '/dev' }],
        mountProc: true,
        env: PROGRAMS_ENV,
      });
      const script = [
        'cd /dev; ls',
        'echo gone >null; head -c 3 zero | wc -c; head -c 4 urandom | wc -c; (echo x >full) 2>/dev/null || echo full',
        'readlink fd stdin ptmx; ls pts; echo text >shm/file; cat shm/file; echo out >stdout',
      ].join('\n');
      const names = [
        'fd',
        'full',
        'null',
        'ptmx',
        'pts',
        'random',
        'shm',
        'stderr',
        'stdin',
        'stdout',
        'tty',
        'urandom',
        'zero',
      ];
      t.strictSame((await sh(script, spec)).split('\n'), [
        ...names,
        ...['3', '4', 'full', '/proc/self/fd', 'fd/0', 'pts/ptmx', 'ptmx', 'text', 'out'],
      ]);
    },
  },
  {
    title: 'mounts file: has the bytes and permissions that were asked for, whatever the umask',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 31) & 0xff));
      const mounts: readonly MountSpec[] = [
        { type: 'tmpfs', target },
        { type: 'directory', target: `${target}/dir`, mode: 0o1777 },
        { type: 'directory', target: `${target}/made/private`, mode: 0o700 },
        ...(['bytes', 'text', 'empty', 'tool'] as const).map(
          (name): MountSpec => ({ type: 'bind', source: '/dev/null', target: `${target}/${name}`, optional: true }),
        ),
      ];
      const inRoot = made(backend, ['mnt'], {
        root: { type: 'tmpfs' },
        env: PROGRAMS_ENV,
        mounts: [
          ...PROGRAMS,
          { type: 'file', target: '/x/bytes', content: bytes, mode: 0o4755 },
          { type: 'file', target: '/x/text', content: 'Grüße\n', readOnly: true },
          { type: 'file', target: '/x/empty', content: '', mode: 0 },
          { type: 'file', target: '/x/tool', content: '#!/bin/sh\necho runs\n', mode: 0o755 },
          { type: 'directory', target: '/dir', mode: 0o1777 },
          { type: 'directory', target: '/made/private', mode: 0o700 },
        ],
      });
      const script =
        'umask; stat -c "%a %s" /x/bytes /x/text /x/empty /dir/. /made /made/private | cut -d" " -f1; cat /x/text; /x/tool; (echo >/x/text) 2>/dev/null || echo refused';
      const umask = `0${process.umask().toString(8).padStart(3, '0')}`;
      t.strictSame((await sh(script, inRoot)).split('\n'), [
        umask,
        ...['4755', '644', '0', '1777', '755', '700', 'Grüße', 'runs', 'refused'],
      ]);
      const copied = await run('cat', ['/x/bytes'], inRoot);
      t.ok(copied._unsafeUnwrap().stdout.equals(bytes));
      t.equal(await sh('stat -c %a "$1/dir" "$1/made/private"', mounting(backend, mounts), target), '1777\n700');
    },
  },
  {
    title: 'mounts file: covers a file that is there, without a root, and leaves it as it was',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = filled(scratch(t), 'etc', { hosts: 'old\n' });
      const spec = mounting(backend, [{ type: 'file', target: join(dir, 'hosts'), content: 'new\n' }]);
      t.equal(await sh('cat "$1/hosts"; echo more >>"$1/hosts"; cat "$1/hosts"', spec, dir), 'new\nnew\nmore');
      t.equal(readFileSync(join(dir, 'hosts'), 'utf8'), 'old\n');
    },
  },
  {
    title: 'mounts symlink: says what was asked for, and fails with EEXIST where something is',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const link = { type: 'symlink', target: join(target, 'link'), to: 'it may lead nowhere' } as const;
      const spec = mounting(backend, [{ type: 'tmpfs', target }, link]);
      t.equal(await sh('readlink "$1/link"', spec, target), link.to);
      const twice = mounting(backend, [{ type: 'tmpfs', target }, link, link]);
      const error = await failure(spawn('true', [], twice), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['mount', 'EEXIST', link.target]);
    },
  },
  {
    title: 'mounts mask: hides a directory and a file, which can be neither read nor written',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = filled(scratch(t), 'dir', { secret: 'secret' });
      const file = join(scratch(t), 'file');
      writeFileSync(file, 'secret');
      const spec = mounting(backend, [
        { type: 'mask', target: dir },
        { type: 'mask', target: file },
      ]);
      const script = 'ls -A "$1"; (: >"$1/new") 2>/dev/null || echo refused; cat "$2"; echo lost >"$2"; cat "$2"';
      t.equal(await sh(script, spec, dir, file), 'refused');
      t.equal(readFileSync(file, 'utf8'), 'secret');
    },
  },
  {
    title: 'mounts read-only: a directory with all mounts below it, and a file',
    needs: ['namespaces'],
    unsupportedOn: WALKS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const tree = filled(dir, 'tree', { file: '' });
      mkdirSync(join(tree, 'below'));
      writeFileSync(join(dir, 'single'), '');
      const spec = mounting(backend, [
        { type: 'tmpfs', target: join(tree, 'below') },
        { type: 'read-only', target: tree },
        { type: 'read-only', target: join(dir, 'single') },
      ]);
      const script =
        'for path in tree/file tree/below/new single other; do (: >"$1/$path") 2>/dev/null && echo "$path"; done; true';
      t.equal(await sh(script, spec, dir), 'other');
    },
  },
  {
    title: 'mounts read-only of / makes every mount read-only',
    needs: ['namespaces'],
    unsupportedOn: WALKS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const spec = mounting(backend, [
        { type: 'tmpfs', target: dir },
        { type: 'read-only', target: '/' },
      ]);
      const script = '(: >"$1/new") 2>/dev/null || echo refused; grep -c " rw," /proc/self/mounts; true';
      t.equal(await sh(script, spec, dir), 'refused\n0');
    },
  },
  {
    title: 'mounts read-only, and readOnly of a bind, take every mount of the caller that lies below',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const writable = async (spec: RunSpec, below: string): Promise<readonly string[]> => {
        const text = await said('cat', ['/proc/self/mountinfo'], spec);
        // Of several at the same place the last one is seen, and no path leads to the others.
        const seen = new Map(text.split('\n').map((line) => [line.split(' ')[4] ?? '', line.split(' ')]));
        const within = [...seen.values()].filter(([, , , , at = '']) => `${at}/`.startsWith(below));
        t.ok(within.length > 1, `${within.length} mounts`);
        return within.flatMap(([, , , , at, flags = '']) =>
          flags.split(',').includes('ro') ? [] : [`${at} ${flags}`],
        );
      };
      const bind = mounting(backend, [{ type: 'bind', source: '/', target, readOnly: true, noExec: true }]);
      t.strictSame(await writable(bind, `${target}/`), []);
      // What covers "/" is not seen; what was there is.
      t.strictSame(await writable(mounting(backend, [{ type: 'read-only', target: '/' }]), '/'), []);
    },
  },
  {
    title: 'mounts unmount: uncovers what is below',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = filled(scratch(t), 'dir', { below: '' });
      const mounts: readonly MountSpec[] = [
        { type: 'tmpfs', target: dir },
        { type: 'directory', target: join(dir, 'sub') },
        { type: 'tmpfs', target: join(dir, 'sub') },
        { type: 'unmount', target: dir },
      ];
      t.equal(await sh('ls "$1"', mounting(backend, mounts), dir), 'below');
      const nothing = mounting(backend, [{ type: 'unmount', target: dir }]);
      const error = await failure(spawn('true', [], nothing), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['mount', 'EINVAL', dir]);
    },
  },
  {
    title: 'mounts propagation: a mount is private unless its entry, or one of its own, says otherwise',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const places = ['a', 'b', 'c', 'd'].map((name) => filled(dir, name, {}));
      const [a = '', b = '', c = '', d = ''] = places;
      const spec = mounting(backend, [
        { type: 'tmpfs', target: a },
        { type: 'tmpfs', target: b, propagation: 'shared' },
        { type: 'bind', source: b, target: c, propagation: 'unbindable' },
        { type: 'tmpfs', target: d },
        { type: 'propagation', target: d, propagation: 'shared' },
      ]);
      const text = await said('cat', ['/proc/self/mountinfo'], spec);
      const tags = places.map((place) => {
        const line = text.split('\n').find((one) => one.split(' ')[4] === place) ?? '';
        return line.split(' - ')[0]?.split(' ').slice(6).join(' ').replace(/\d+/, 'N');
      });
      t.strictSame(tags, ['', 'shared:N', 'unbindable', 'shared:N']);
    },
  },
  {
    title: 'mounts bind: idMap translates the owners of files by a user namespace',
    needs: ['root', 'id-ranges'],
    unsupportedOn: { ...WALKS, 'ffi:straight': 'the namespace is made with id ranges, which take a carrier' },
    run: async (t, backend) => {
      const dir = scratch(t);
      const [from, to] = [filled(dir, 'from', { file: '' }), filled(dir, 'to', {})];
      chmodSync(from, 0o755);
      const range = { inside: 0, outside: 100_000, count: 1_000 };
      const owner = { backend, namespaces: ['user'], uidMap: range, gidMap: range } as const;
      await whileRunning(owner, async ({ pid }) => {
        const spec = mounting(backend, [{ type: 'bind', source: from, target: to, idMap: `/proc/${pid}/ns/user` }]);
        const result = await run('stat', ['-c', '%u %g', join(to, 'file')], spec);
        if (result.isErr() && result.error.type === 'setup-failed' && result.error.errno === 'EINVAL') {
          t.comment(`${dir} is on a file system without idmapped mounts, or this kernel has none`);
          return;
        }
        t.equal(String((await value(result)).stdout), '100000 100000\n');
      });
      const missing = mounting(backend, [{ type: 'bind', source: from, target: to, idMap: join(dir, 'missing') }]);
      const error = await failure(spawn('true', [], missing), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['mount', 'ENOENT', join(dir, 'missing')]);
    },
  },
];
