import { MOUNT, S_IFREG } from '../abi/constants.ts';
import { type Argument, num, shown } from '../program/argument.ts';
import type { OpOptions } from '../program/builder.ts';
import { addMount } from './mount-calls.ts';
import { type Mounting, octal, openInRoot } from './mount-target.ts';

/** Devices that every program may expect, bound from the caller's: making them takes more than a user namespace gives. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'] as const;

const LINKS = [
  ['fd', '/proc/self/fd'],
  ['stdin', 'fd/0'],
  ['stdout', 'fd/1'],
  ['stderr', 'fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const;

const DIRECTORIES = [
  {
    name: 'pts',
    mount: {
      source: 'devpts',
      filesystem: 'devpts',
      flags: MOUNT.MS_NOSUID | MOUNT.MS_NOEXEC,
      data: 'newinstance,ptmxmode=0666,mode=620',
    },
  },
  {
    name: 'shm',
    mount: { source: 'tmpfs', filesystem: 'tmpfs', flags: MOUNT.MS_NOSUID | MOUNT.MS_NODEV, data: 'mode=1777' },
  },
] as const;

/** Mounts a small /dev. In the new tmpfs there is no link but its own, so that plain names are safe. */
export const addDev = (mounting: Mounting, fd: Argument, target: string, options: OpOptions): readonly Argument[] => {
  const { program } = mounting;
  program.op('fchdir', [fd], options);
  const flags = MOUNT.MS_NOSUID;
  addMount(program, '.', { source: 'tmpfs', filesystem: 'tmpfs', flags, data: 'mode=755,size=65536' }, options);
  const dev = openInRoot(mounting, target, options);
  program.op('fchdir', [dev], options);
  for (const name of DEVICES) {
    const at = { ...options, path: `/dev/${name}` };
    program.op('mknodat', [dev, program.string(name), shown(S_IFREG | 0o666, 'S_IFREG|0666'), num(0)], at);
    addMount(program, name, { source: `/dev/${name}`, flags: MOUNT.MS_BIND }, at);
  }
  for (const { name, mount } of DIRECTORIES) {
    const at = { ...options, path: `${target}/${name}` };
    program.op('mkdirat', [dev, program.string(name), octal(0o755)], at);
    addMount(program, name, mount, at);
  }
  for (const [name, to] of LINKS) program.op('symlinkat', [program.string(to), dev, program.string(name)], options);
  return [dev];
};
