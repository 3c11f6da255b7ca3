import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { explain, type MountSpec, type RunSpec, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { said, sh } from '../inside.ts';
import { failure } from '../outcome.ts';
import { PROGRAMS, PROGRAMS_ENV } from '../sandbox.ts';
import { scratch } from '../scratch.ts';

const ROOT = { shell: 'a root is for the ffi backend' } as const;

const inTmpfs = (backend: BackendName, mounts: readonly MountSpec[] = [], more: RunSpec = {}): RunSpec =>
  made(backend, ['mnt', 'pid'], {
    root: { type: 'tmpfs' },
    mounts: [...PROGRAMS, ...mounts],
    env: PROGRAMS_ENV,
    ...more,
  });

export const roots: readonly Claim[] = [
  {
    title: 'root tmpfs: the child sees what mounts put there, and nothing else',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const wanted = [...PROGRAMS.map(({ target }) => target.slice(1)), 'proc'].sort();
      t.strictSame((await said('ls', ['/'], inTmpfs(backend, [], { mountProc: true }))).split('\n').sort(), wanted);
    },
  },
  {
    title: 'root is entered by pivot_root: nothing of the old root is mounted any more, nor open',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const spec = inTmpfs(backend, [], { mountProc: true });
      const script = 'cut -d" " -f5 /proc/self/mountinfo; ls -l /proc/self/fd/ | grep -c " [3-9] -> /" ; ls /..';
      const lines = (await sh(`${script}; exit 0`, spec)).split('\n');
      const binds = PROGRAMS.filter(({ type }) => type === 'bind').map(({ target }) => target);
      // The one directory that is open is the one that ls reads.
      const at = lines.indexOf('1');
      const mounted = lines.slice(0, at).filter((point) => !binds.some((bind) => point.startsWith(`${bind}/`)));
      t.strictSame(mounted.sort(), ['/', ...binds, '/proc'].sort());
      t.strictSame(lines.slice(at + 1), (await said('ls', ['/'], spec)).split('\n'));
    },
  },
  {
    title: 'root of a path: what is no mount point is bound onto itself, and is left as it was',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const root = scratch(t);
      writeFileSync(join(root, 'here'), '');
      for (const { target } of PROGRAMS) if (target !== '/usr') mkdirSync(join(root, target));
      mkdirSync(join(root, 'usr'));
      const before = readFileSync('/proc/self/mountinfo', 'utf8');
      const binds = PROGRAMS.map(({ target }): MountSpec => ({ type: 'bind', source: target, target, readOnly: true }));
      const spec = made(backend, ['mnt'], { root, mounts: binds, env: PROGRAMS_ENV });
      t.strictSame((await said('ls', ['/'], spec)).split('\n'), readdirSync(root).sort());
      t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before);
    },
  },
  {
    title: 'root readOnly: nothing can be made in it, and mounts keep their own flags',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const spec = inTmpfs(backend, [{ type: 'tmpfs', target: '/tmp' }], { root: { type: 'tmpfs', readOnly: true } });
      t.equal(await sh('(: >/new) 2>/dev/null || echo refused; : >/tmp/new && echo made', spec), 'refused\nmade');
    },
  },
  {
    title: 'root makes / the working directory, unless cwd says otherwise',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      t.equal(await sh('pwd', inTmpfs(backend)), '/');
      t.equal(await sh('pwd', inTmpfs(backend, [{ type: 'directory', target: '/a/b' }], { cwd: '/a/b' })), '/a/b');
    },
  },
  {
    title: 'root without a mount namespace is entered by chroot, and explain() says which',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const root = '/usr';
      const spec = made(backend, ['uts'], { root, env: { PATH: '/bin' } });
      const error = await failure(spawn('/nothing', [], spec), 'exec-failed');
      t.equal(error.reason, 'not-found');
      const text = explain('true', [], spec)._unsafeUnwrap();
      t.match(text, /chroot\("\."\)/);
      t.notMatch(text, /pivot_root/);
      t.match(explain('true', [], made(backend, ['mnt'], { root }))._unsafeUnwrap(), /pivot_root\("\.", "\."\)/);
    },
  },
  {
    title: 'root that is not there fails at the step root with ENOENT and the path',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const missing = join(scratch(t), 'missing');
      for (const types of [['mnt'], ['uts']] as const) {
        const error = await failure(spawn('true', [], made(backend, types, { root: missing })), 'setup-failed');
        t.strictSame([error.step, error.errno, error.path], ['root', 'ENOENT', missing]);
      }
    },
  },
  {
    title: 'root: a symbolic link in it leads no mount outside, be it absolute, relative or of /proc',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const dir = scratch(t);
      const [root, outside] = [join(dir, 'root'), join(dir, 'outside')];
      for (const made of [root, outside, join(root, 'up')]) mkdirSync(made);
      writeFileSync(join(outside, 'file'), 'untouched\n');
      symlinkSync(outside, join(root, 'absolute'));
      symlinkSync('../../../outside', join(root, 'up', 'relative'));
      symlinkSync(`/proc/${process.pid}/cwd`, join(root, 'magic'));
      const targets = ['/absolute/new', '/up/relative/new', '/absolute/file', '/magic/new'];
      const spec = made(backend, ['mnt'], {
        root,
        env: PROGRAMS_ENV,
        mounts: [
          ...PROGRAMS,
          ...targets.map((target): MountSpec => ({ type: 'tmpfs', target, optional: true })),
          ...targets.map((target): MountSpec => ({ type: 'file', target, content: 'escaped\n', optional: true })),
          ...targets.map(
            (target): MountSpec => ({ type: 'symlink', target: `${target}-link`, to: '/', optional: true }),
          ),
        ],
      });
      await sh('true', spec);
      t.strictSame(readdirSync(outside), ['file']);
      t.equal(readFileSync(join(outside, 'file'), 'utf8'), 'untouched\n');
      const strict = { ...spec, mounts: [{ type: 'tmpfs', target: '/absolute/new' } as const] };
      const error = await failure(spawn('true', [], strict), 'setup-failed');
      t.strictSame([error.step, error.path], ['mount', '/absolute']);
    },
  },
  {
    title: 'root: a link inside is followed inside, as the command would follow it',
    needs: ['namespaces'],
    unsupportedOn: ROOT,
    run: async (t, backend) => {
      const spec = inTmpfs(backend, [
        { type: 'directory', target: '/run' },
        { type: 'symlink', target: '/var/run', to: '/run' },
        { type: 'file', target: '/var/run/file', content: 'through\n' },
      ]);
      t.equal(await sh('cat /run/file', spec), 'through');
    },
  },
  {
    title: 'root: a rootless sandbox runs a real program with files, with init and without',
    needs: ['namespaces', 'tool:perl'],
    unsupportedOn: { ...ROOT, 'ffi:straight': 'init takes a process of its own' },
    run: async (t, backend) => {
      const program = [
        'use strict; open(my $out, ">", "/tmp/file") or die "open: $!"; print $out "line $_\\n" for 1 .. 1000; close $out;',
        'open(my $in, "<", "/tmp/file") or die; my @lines = <$in>; print scalar(@lines), " lines, pid $$, ";',
        'print -e "/etc/passwd" ? "the host" : "nothing", " is seen, ", (open(my $x, ">", "/usr/x") ? "open" : "closed");',
      ].join(' ');
      const init = async (on: boolean): Promise<string> =>
        said('perl', ['-e', program], {
          ...made(backend, ['mnt', 'pid', 'ipc', 'uts', 'net']),
          root: { type: 'tmpfs', readOnly: true },
          mounts: [...PROGRAMS, { type: 'dev', target: '/dev' }, { type: 'tmpfs', target: '/tmp' }],
          mountProc: true,
          init: on,
          env: PROGRAMS_ENV,
        });
      t.equal(await init(false), '1000 lines, pid 1, nothing is seen, closed');
      t.equal(await init(true), '1000 lines, pid 2, nothing is seen, closed');
    },
  },
];
