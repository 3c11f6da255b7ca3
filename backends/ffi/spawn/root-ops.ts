import type { SpawnPlan } from '../../../lib/plan.ts';
import { MOUNT, UMOUNT } from '../abi/constants.ts';
import { resultOf, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { addMount, addSetAttributes } from './mount-calls.ts';
import { HERE, type MountApi, type Mounting, PATH_FD } from './mount-target.ts';
import { callersMountsBelow } from './mount-walk.ts';

const QUIET = { onError: 'next' } as const;

/** Opens the new root, which the mounts are then made in; what is no mount point is bound onto itself. */
export const addOpenRoot = (program: ProgramBuilder, { root }: SpawnPlan, api: MountApi, fail: Label): Mounting => {
  if (root === null) return { program, api, root: null };
  const path = root.type === 'bind' ? root.source : '/';
  const options = { step: 'root', onError: fail, path } as const;
  const open = (at: string) => resultOf(program.op('openat', [HERE, program.string(at), PATH_FD], options), 'root');
  const old = open('/');
  if (root.type === 'tmpfs') {
    // It covers "/", where nobody looks: what stands there is only reached by "..".
    const flags = MOUNT.MS_NOSUID | MOUNT.MS_NODEV;
    addMount(program, '/', { source: 'tmpfs', filesystem: 'tmpfs', flags, data: root.data }, options);
    return { program, api, root: { fd: open('/..'), old } };
  }
  if (root.method === 'pivot_root' || root.readOnly) {
    addMount(program, path, { source: path, flags: MOUNT.MS_BIND | MOUNT.MS_REC }, options);
  }
  return { program, api, root: { fd: open(`${path}/.`), old } };
};

const addReadOnly = ({ program, api, root }: Mounting, plan: SpawnPlan, fail: Label): void => {
  if (root === null || plan.root === null || !plan.root.readOnly) return;
  const options = { step: 'root', onError: fail, path: '/' } as const;
  if (api === 'fd') {
    addSetAttributes(program, root.fd, { set: MOUNT.MS_RDONLY, recursive: false }, options);
    return;
  }
  const [own] = plan.root.type === 'bind' ? callersMountsBelow(plan.root.source) : [];
  const flags = own?.flags ?? MOUNT.MS_NOSUID | MOUNT.MS_NODEV;
  program.op('fchdir', [root.fd], options);
  addMount(program, '.', { flags: MOUNT.MS_REMOUNT | MOUNT.MS_BIND | MOUNT.MS_RDONLY | flags }, options);
};

/** Makes the new root the root. */
export const addEnterRoot = (mounting: Mounting, plan: SpawnPlan, fail: Label): void => {
  const { program, root } = mounting;
  if (root === null || plan.root === null) return;
  const path = plan.root.type === 'bind' ? plan.root.source : '/';
  const options = { step: 'root', onError: fail, path } as const;
  addReadOnly(mounting, plan, fail);
  program.op('fchdir', [root.fd], options);
  const dot = program.string('.');
  if (plan.root.method === 'chroot') {
    program.op('chroot', [dot], options);
  } else {
    // The old root comes to lie on the new one, from where it is taken away with all that is below it.
    program.op('pivot_root', [dot, dot], options);
    program.op('umount2', [dot, words(UMOUNT.MNT_DETACH, UMOUNT)], options);
  }
  program.op('chdir', [program.string('/')], options);
  program.op('close', [root.fd], QUIET);
  program.op('close', [root.old], QUIET);
};
