import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { type Propagation, spawn } from '../../../lib/index.ts';
import { made, PRIVILEGED } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { said, sh } from '../inside.ts';
import { failure } from '../outcome.ts';
import { report } from '../program.ts';
import { scratch, script } from '../scratch.ts';

/** A mount namespace for a program that mounts things, so that those of the machine never change. */
const STAGE: readonly string[] = ['unshare', PRIVILEGED ? '-m' : '-Urm', '--propagation', 'private'];

/** What the mounting program found; see fixtures/propagation.ts. */
interface Seen {
  readonly outsideSeesInside: boolean;
  readonly insideSeesOutside: boolean;
}

interface Passage {
  readonly propagation: 'default' | Propagation;
  readonly around: 'shared' | 'private';
  readonly seen: Seen;
  readonly says: string;
}

const PASSAGES: readonly Passage[] = [
  {
    propagation: 'default',
    around: 'shared',
    seen: { outsideSeesInside: false, insideSeesOutside: false },
    says: 'keeps mounts on either side to themselves',
  },
  {
    propagation: 'private',
    around: 'shared',
    seen: { outsideSeesInside: false, insideSeesOutside: false },
    says: 'keeps mounts on either side to themselves',
  },
  {
    propagation: 'slave',
    around: 'shared',
    seen: { outsideSeesInside: false, insideSeesOutside: true },
    says: 'lets mounts in and none out',
  },
  {
    propagation: 'shared',
    around: 'shared',
    seen: { outsideSeesInside: true, insideSeesOutside: true },
    says: 'lets mounts in and out where they were shared',
  },
  {
    propagation: 'unchanged',
    around: 'shared',
    seen: { outsideSeesInside: true, insideSeesOutside: true },
    says: 'leaves a shared mount shared',
  },
  {
    propagation: 'unchanged',
    around: 'private',
    seen: { outsideSeesInside: false, insideSeesOutside: false },
    says: 'leaves a private mount private',
  },
];

let sightings: Promise<readonly Seen[]> | null = null;

/** What the mounting program saw in each case; it runs once for all of them. */
const seenIn = async (t: Test, backend: BackendName, passage: Passage): Promise<Seen | undefined> => {
  const cases = PASSAGES.map(({ propagation, around }) => `${propagation} ${around}`);
  sightings ??= report<Seen[]>('propagation', [backend, scratch(t), ...cases], STAGE);
  return (await sightings)[PASSAGES.indexOf(passage)];
};

const propagations: readonly Claim[] = PASSAGES.map((passage) => ({
  title: `propagation ${passage.propagation === 'default' ? 'left out' : `"${passage.propagation}"`} ${passage.says}`,
  needs: ['namespaces', 'tool:unshare', 'tool:mount'],
  run: async (t, backend) => t.strictSame(await seenIn(t, backend, passage), passage.seen),
}));

/** The optional fields of every mount inside: `shared:1`, `master:2`; mountinfo in proc(5). */
const peerGroups = async (backend: BackendName, propagation?: 'private' | 'slave' | 'shared'): Promise<string[]> => {
  const spec = made(backend, ['mnt'], propagation === undefined ? {} : { propagation });
  const lines = (await said('cat', ['/proc/self/mountinfo'], spec)).split('\n');
  return lines.map((line) => line.split(' - ')[0]?.split(' ').slice(6).join(' ') ?? '');
};

export const mounts: readonly Claim[] = [
  ...propagations,
  {
    title: 'spawn() with a mount namespace leaves no mount in a peer group by default',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const groups = await peerGroups(backend);
      t.ok(groups.length > 0);
      t.strictSame(
        groups.filter((group) => group !== ''),
        [],
      );
    },
  },
  {
    title: 'propagation "shared" puts every mount into a peer group',
    needs: ['namespaces'],
    run: async (t, backend) => {
      for (const group of await peerGroups(backend, 'shared')) t.match(group, /shared:\d+/);
    },
  },
  {
    title: 'propagation "slave" leaves no mount that shares with anybody',
    needs: ['namespaces'],
    run: async (t, backend) => {
      for (const group of await peerGroups(backend, 'slave')) t.notMatch(group, /shared:/);
    },
  },
  {
    title: 'a mount that is made inside is not there outside',
    needs: ['namespaces', 'tool:mount'],
    run: async (t, backend) => {
      const dir = scratch(t);
      const mounting = 'mount -t tmpfs inside "$1" && echo text > "$1/file" && cat "$1/file"';
      const before = readFileSync('/proc/self/mountinfo', 'utf8');
      t.equal(await sh(mounting, made(backend, ['mnt']), dir), 'text');
      t.strictSame(readdirSync(dir), []);
      t.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before);
    },
  },
  {
    title: 'mountProc shows the command the processes of its own pid namespace and no others',
    needs: ['namespaces'],
    run: async (t, backend) =>
      t.equal(await sh('echo /proc/[0-9]*', made(backend, ['pid', 'mnt'], { mountProc: true })), '/proc/1'),
  },
  {
    title: 'mountProc mounts proc with nosuid, nodev and noexec',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const text = await said('cat', ['/proc/self/mountinfo'], made(backend, ['pid', 'mnt'], { mountProc: true }));
      const last = text
        .split('\n')
        .filter((line) => / \/proc [^-]*- proc /.test(line))
        .at(-1);
      for (const flag of ['nosuid', 'nodev', 'noexec']) t.match(last, new RegExp(`[ ,]${flag}[ ,]`));
    },
  },
  {
    title: 'mountProc leaves /proc of the host as it was, while the command runs and after it',
    needs: ['namespaces', 'tool:unshare', 'tool:mount'],
    run: async (t, backend) => {
      // On a stage whose "/" is shared, as systemd has it: there the article's program broke the host's /proc.
      const seen = await report<Record<string, boolean>>('host-proc', [backend], STAGE);
      t.strictSame(seen, { shared: true, inside: true, during: true, after: true, mounts: true });
    },
  },
  {
    title: 'mountProc on a directory of choice leaves /proc inside as it was',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const dir = scratch(t);
      const spec = made(backend, ['pid', 'mnt'], { mountProc: dir });
      t.equal(await sh('cd "$1"; echo [0-9]*', spec, dir), '1');
      t.equal(await sh(`test -d /proc/${process.pid} && echo there`, spec), 'there');
      t.strictSame(readdirSync(dir), [], 'nothing is mounted outside');
    },
  },
  {
    title: 'mountProc takes a directory whose name holds blanks, quotes and letters of any alphabet',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const dir = join(scratch(t), `it's "proc" $HOME \\ ж`);
      mkdirSync(dir);
      t.equal(await sh('cd "$1"; echo [0-9]*', made(backend, ['pid', 'mnt'], { mountProc: dir }), dir), '1');
    },
  },
  {
    title: 'spawn() with a pid namespace and no mountProc leaves /proc that of the host',
    needs: ['namespaces'],
    run: async (t, backend) =>
      t.equal(
        await sh(`echo $$; test -d /proc/${process.pid} && echo there`, made(backend, ['pid', 'mnt'])),
        '1\nthere',
      ),
  },
  {
    title: 'mountProc on a directory that is not there fails at the step mount-proc with ENOENT and the path',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const missing = join(scratch(t), 'missing');
      const spec = made(backend, ['pid', 'mnt'], { mountProc: missing });
      const error = await failure(spawn('true', [], spec), 'setup-failed');
      t.strictSame([error.step, error.errno, error.path], ['mount-proc', 'ENOENT', missing]);
    },
  },
  {
    title: 'mountProc without a pid namespace fails at the step mount-proc with EPERM for an ordinary user',
    needs: ['ordinary-user', 'user-namespaces'],
    run: async (t, backend) => {
      const error = await failure(spawn('true', [], made(backend, ['mnt'], { mountProc: true })), 'setup-failed');
      t.strictSame([error.step, error.errno], ['mount-proc', 'EPERM']);
    },
  },
  {
    title: 'cwd is looked up after proc has been mounted',
    needs: ['namespaces'],
    run: async (t, backend) =>
      t.equal(await sh('echo [0-9]*', made(backend, ['pid', 'mnt'], { mountProc: true, cwd: '/proc' })), '1'),
  },
  {
    title: 'PATH is searched with the mounts of the child, after cwd',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const dir = scratch(t);
      script(dir, 'only-here', '#!/bin/sh\necho found\n');
      // /proc/1/cwd is this directory only in the proc that the child has mounted.
      const env = { PATH: '/proc/1/cwd' };
      const spec = made(backend, ['pid', 'mnt'], { mountProc: true, cwd: dir, env });
      t.equal(await said('only-here', [], spec), 'found');
    },
  },
];
