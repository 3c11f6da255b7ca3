import { mkdir, mkdtemp, readdir, readlink, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { err } from 'neverthrow';
import type { NamespaceType } from '../../../lib/index.ts';
import type { Target } from '../backend-sampler.ts';
import { processSampler } from '../peer-sampler.ts';
import { killDescendants } from '../process-tree.ts';
import type { Sampler } from '../sample.ts';

/** What the runtime specification calls each type. */
const TYPES: Readonly<Record<NamespaceType, string>> = {
  ...{ cgroup: 'cgroup', ipc: 'ipc', mnt: 'mount', net: 'network' },
  ...{ pid: 'pid', time: 'time', user: 'user', uts: 'uts' },
};

/** Directories of the host that a command needs to run at all. */
const NEEDED = /^(?:bin|sbin|lib.*|usr|etc|proc)$/;

/** A root file system whose directories are the host's: mount points, and the host's own symbolic links. */
const makeRoot = async (dir: string, command: string): Promise<readonly string[]> => {
  const [, own = ''] = command.split('/');
  const bound: string[] = [];
  // Runtimes fill it whether they are told to or not; crun does not make it.
  await mkdir(join(dir, 'dev'), { recursive: true });
  for (const entry of await readdir('/', { withFileTypes: true })) {
    const { name } = entry;
    if (!NEEDED.test(name) && !(command.startsWith('/') && name === own)) continue;
    if (entry.isSymbolicLink()) await symlink(await readlink(`/${name}`), join(dir, name));
    else if (entry.isDirectory()) {
      await mkdir(join(dir, name));
      bound.push(name);
    }
  }
  return bound;
};

/** The config.json of a bundle: as little as a runtime takes, so that it is the namespaces that are compared. */
export const ociConfig = ({ command, args, namespaces }: Target, bound: readonly string[]): object => {
  const idMappings = (hostID: number): readonly object[] => [{ containerID: 0, hostID, size: 1 }];
  return {
    ociVersion: '1.0.2',
    process: {
      ...{ terminal: false, user: { uid: 0, gid: 0 }, args: [command, ...args], cwd: '/' },
      env: [`PATH=${process.env['PATH'] ?? '/usr/bin:/bin'}`],
    },
    root: { path: 'rootfs', readonly: true },
    mounts: bound.map((name) => ({
      ...{ destination: `/${name}`, source: `/${name}`, type: 'bind' },
      options: name === 'proc' ? ['rbind'] : ['rbind', 'ro'],
    })),
    linux: {
      namespaces: namespaces.map((type) => ({ type: TYPES[type] })),
      ...(namespaces.includes('user')
        ? { uidMappings: idMappings(process.geteuid?.() ?? 0), gidMappings: idMappings(process.getegid?.() ?? 0) }
        : {}),
    },
  };
};

/** Makes a bundle for a target, config.json and a root file system; gives its directory. */
const makeBundle = async (dir: string, target: Target): Promise<string> => {
  const bundle = await mkdtemp(join(dir, 'ns-bench-'));
  const bound = await makeRoot(join(bundle, 'rootfs'), target.command);
  await writeFile(join(bundle, 'config.json'), JSON.stringify(ociConfig(target, bound)));
  return bundle;
};

/** What a runtime has started is killed so often, until the runtime has ended. */
const KILL_EVERY_MS = 20;

/** A runtime that is killed itself would leave a cgroup and its state: it is its container that is ended. */
const BY_ITSELF = {
  detached: true,
  kill: (pid: number) => {
    killDescendants(pid);
    const again = setInterval(() => killDescendants(pid), KILL_EVERY_MS);
    return () => clearInterval(again);
  },
};

/**
 * Times child_process.spawn of `crun run` or `runc run`, until it has exited.
 *
 * @param file - the runtime
 * @param dir - where bundles and the runtime's state may lie
 */
export const ociSamplers =
  (file: string, dir: string) =>
  (target: Target): Sampler => {
    const { namespaces } = target;
    if (!namespaces.includes('mnt')) {
      // Without one it would mount into the caller's.
      return async () => err({ type: 'unsupported', message: 'it is not asked for less than a mount namespace' });
    }
    let bundle: Promise<string> | null = null;
    return async (onRunning) => {
      bundle ??= makeBundle(dir, target);
      try {
        const path = await bundle;
        const words = ['--root', join(dir, 'state'), 'run', '--bundle', path, basename(path)];
        return await processSampler(file, words, BY_ITSELF)(onRunning);
      } catch (error) {
        return err({ type: 'peer-failed', message: `no bundle could be made: ${(error as Error).message}` });
      }
    };
  };
