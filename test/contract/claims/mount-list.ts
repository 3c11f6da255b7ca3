import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type MountSpec, type RunSpec, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { sh } from '../inside.ts';
import { failure } from '../outcome.ts';
import { scratch } from '../scratch.ts';

const MOUNTS = { shell: 'mounts are for the ffi backend' } as const;

const mounting = (backend: BackendName, mounts: readonly MountSpec[], more: RunSpec = {}): RunSpec =>
  made(backend, ['mnt'], { mounts, ...more });

/** The flags of the mount at a place, as its own mountinfo says. */
const flagsOf = 'while read -r _ _ _ _ at flags _; do [ "$at" = "$1" ] && echo "$flags"; done </proc/self/mountinfo';

const both = (dir: string): readonly [string, string] => {
  const [from, to] = [join(dir, 'from'), join(dir, 'to')];
  mkdirSync(from);
  mkdirSync(to);
  writeFileSync(join(from, 'file'), 'text\n');
  return [from, to];
};

export const mountList: readonly Claim[] = [
  {
    title: 'mounts bind: a directory is seen in another place, writable, and nothing is mounted outside',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const [source, target] = both(scratch(t));
      const before = readFileSync('/proc/self/mountinfo', 'utf8');
      const spec = mounting(backend, [{ type: 'bind', source, target }]);
      t.equal(await sh('cat "$1/file"; echo more >"$1/file"; cat "$1/file"', spec, target), 'text\nmore');
      t.strictSame(readdirSync(target), []);
      t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before);
    },
  },
  {
    title: 'mounts bind: a file is seen in the place of another one',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const [source, target] = both(scratch(t));
      writeFileSync(join(target, 'other'), 'other\n');
      const spec = mounting(backend, [{ type: 'bind', source: join(source, 'file'), target: join(target, 'other') }]);
      t.equal(await sh('cat "$1/other"', spec, target), 'text');
    },
  },
  {
    title: 'mounts bind: a relative source begins at the working directory of the caller',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const spec = mounting(backend, [{ type: 'bind', source: '.', target }], { cwd: '/' });
      t.equal(
        await sh('ls "$1"', spec, target),
        readdirSync('.')
          .filter((name) => !name.startsWith('.'))
          .join('\n'),
      );
    },
  },
  {
    title: 'mounts bind: readOnly is recursive',
    needs: ['namespaces'],
    unsupportedOn: { ...MOUNTS, 'ffi:path': 'mount_setattr(2) alone reaches mounts that the caller does not see' },
    run: async (t, backend) => {
      const [source, target] = both(scratch(t));
      mkdirSync(join(source, 'below'));
      const spec = mounting(backend, [
        { type: 'tmpfs', target: join(source, 'below') },
        { type: 'bind', source, target, readOnly: true, noSuid: true, noDev: true, noExec: true },
      ]);
      const script = `${flagsOf}; set -- "$1/below"; ${flagsOf}; (echo x >"$1/new") 2>/dev/null || echo refused`;
      const lines = (await sh(script, spec, target)).split('\n');
      t.equal(lines.length, 3);
      for (const line of lines.slice(0, 2)) {
        t.strictSame(
          ['ro', 'nosuid', 'nodev', 'noexec'].filter((flag) => !line.split(',').includes(flag)),
          [],
          line,
        );
      }
      t.equal(lines[2], 'refused');
    },
  },
  {
    title: 'mounts tmpfs: size, mode and flags are those that were asked for',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const spec = mounting(backend, [
        { type: 'tmpfs', target, sizeBytes: 1024 * 1024, mode: 0o750, noSuid: true, noExec: true },
      ]);
      const script = `${flagsOf}; stat -c %a "$1"; stat -f -c '%b %S' "$1"`;
      const [flags = '', mode, size = ''] = (await sh(script, spec, target)).split('\n');
      t.match(flags, /nosuid/);
      t.match(flags, /noexec/);
      t.notMatch(flags, /nodev/);
      t.equal(mode, '750');
      const [blocks = 0, blockBytes = 0] = size.split(' ').map(Number);
      t.equal(blocks * blockBytes, 1024 * 1024);
    },
  },
  {
    title: 'mounts tmpfs: everybody may write to it when no mode is given',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      t.equal(await sh('stat -c %a "$1"', mounting(backend, [{ type: 'tmpfs', target }]), target), '1777');
    },
  },
  {
    title: 'mounts proc: shows the child its own processes',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const target = scratch(t);
      const spec = made(backend, ['mnt', 'pid'], { mounts: [{ type: 'proc', target, readOnly: true }] });
      const [processes, flags = ''] = (await sh(`cd "$1"; echo [0-9]*; ${flagsOf}`, spec, target)).split('\n');
      t.equal(processes, '1');
      for (const flag of ['ro', 'nosuid', 'nodev', 'noexec']) t.ok(flags.split(',').includes(flag), flag);
    },
  },
  {
    title: 'mounts are made in their order, each on what is there by then',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const [source, target] = both(scratch(t));
      const spec = mounting(backend, [
        { type: 'tmpfs', target },
        { type: 'directory', target: join(target, 'a/b') },
        { type: 'bind', source, target: join(target, 'a/b') },
        { type: 'file', target: join(target, 'a/b/file'), content: 'covered\n' },
      ]);
      t.equal(await sh('cat "$1/a/b/file"', spec, target), 'covered');
      t.equal(readFileSync(join(source, 'file'), 'utf8'), 'text\n');
    },
  },
  {
    title: 'mounts fail at the step mount with ENOENT and the path, of source or target, and nothing is made',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const missing = join(dir, 'missing');
      for (const entry of [
        { type: 'bind', source: missing, target: dir },
        { type: 'bind', source: dir, target: missing },
        { type: 'tmpfs', target: missing },
      ] as const) {
        const error = await failure(spawn('true', [], mounting(backend, [entry])), 'setup-failed');
        t.strictSame([error.step, error.errno, error.path], ['mount', 'ENOENT', missing], JSON.stringify(entry));
      }
      t.strictSame(readdirSync(dir), []);
    },
  },
  {
    title: 'mounts optional: what cannot be done is passed over, and the rest is done',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const spec = mounting(backend, [
        { type: 'bind', source: join(dir, 'missing'), target: dir, optional: true },
        { type: 'tmpfs', target: join(dir, 'missing'), optional: true },
        { type: 'tmpfs', target: dir },
      ]);
      t.equal(await sh('echo x >"$1/y"; ls "$1"; ls /proc/self/fd | wc -l', spec, dir), 'y\n4');
      t.strictSame(readdirSync(dir), []);
    },
  },
  {
    title: 'mounts without a root follow symbolic links, as mount(8) does',
    needs: ['namespaces'],
    unsupportedOn: MOUNTS,
    run: async (t, backend) => {
      const dir = scratch(t);
      const [source, target] = both(dir);
      symlinkSync('to', join(dir, 'link'));
      t.equal(
        await sh('cat "$1/file"', mounting(backend, [{ type: 'bind', source, target: join(dir, 'link') }]), target),
        'text',
      );
    },
  },
];
