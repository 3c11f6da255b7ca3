import { err, ok, type Result } from 'neverthrow';
import type { NamespaceType } from '../../lib/namespace.ts';
import type { Nsfs, NsfsRefusal } from '../../lib/nsfs.ts';
import { NSFS, PID_FS_MAGIC, PIDFD_NAMESPACES, SOCKIOS } from './abi/constants.ts';
import type { Host } from './host.ts';
import { addOpenById } from './nsfs-handle.ts';
import { type Argument, num, resultOf, shown, words } from './program/argument.ts';
import type { ProgramBuilder } from './program/builder.ts';

/** struct stat and struct statfs of x86-64 and of arm64 begin alike: st_dev, st_ino; f_type. */
const STAT = { inode: 8, size: 144 } as const;
const STATFS_SIZE = 120;

const quiet = { onError: 'next' } as const;

const REQUEST_OF_PIDFD = {
  cgroup: PIDFD_NAMESPACES.PIDFD_GET_CGROUP_NAMESPACE,
  ipc: PIDFD_NAMESPACES.PIDFD_GET_IPC_NAMESPACE,
  mnt: PIDFD_NAMESPACES.PIDFD_GET_MNT_NAMESPACE,
  net: PIDFD_NAMESPACES.PIDFD_GET_NET_NAMESPACE,
  pid: PIDFD_NAMESPACES.PIDFD_GET_PID_NAMESPACE,
  time: PIDFD_NAMESPACES.PIDFD_GET_TIME_NAMESPACE,
  user: PIDFD_NAMESPACES.PIDFD_GET_USER_NAMESPACE,
  uts: PIDFD_NAMESPACES.PIDFD_GET_UTS_NAMESPACE,
} as const satisfies Record<NamespaceType, number>;

const noMemory = (errno: number): NsfsRefusal => ({ syscall: 'mmap', errno });

/** Runs ops of which the last one opens something; the first that fails is what is told. */
const open = (
  { runCalls }: Host,
  build: (program: ProgramBuilder) => readonly number[],
): Result<number, NsfsRefusal> => {
  let steps: readonly number[] = [];
  return runCalls((program) => {
    steps = build(program);
  })
    .mapErr(noMemory)
    .andThen((program): Result<number, NsfsRefusal> => {
      const failed = steps.find((op) => program.result(op) < 0);
      return failed === undefined
        ? ok(program.result(steps.at(-1) ?? 0))
        : err({ syscall: program.ops[failed]?.name ?? '', errno: -program.result(failed) });
    });
};

const addSocketNamespace = (program: ProgramBuilder, socket: Argument): number =>
  program.op('ioctl', [socket, words(SOCKIOS.SIOCGSKNS, SOCKIOS)], quiet);

/** Asks nsfs and pidfs in Node's own thread. */
export const nsfsOf = (host: Host): Nsfs => ({
  idOf: (fd) => {
    let room = 0;
    const asked = host.runCalls((program) => {
      room = program.int64s([0]);
      const id = shown(room, '&id');
      program.op('ioctl', [num(fd), words(NSFS.NS_GET_ID, NSFS), id], quiet);
      // Of mount namespaces alone, and since Linux 6.8.
      program.op('ioctl', [num(fd), words(NSFS.NS_GET_MNTNS_ID, NSFS), id], quiet);
    });
    return asked
      .map((program) =>
        program.result(0) === 0 || program.result(1) === 0 ? program.bytesAt(room, 8).readBigUInt64LE() : null,
      )
      .unwrapOr(null);
  },
  openSocket: (socket, pid) =>
    open(host, (program) => {
      if (pid === null) return [addSocketNamespace(program, num(socket))];
      const pidfd = program.op('pidfd_open', [num(pid), num(0)], quiet);
      const held = resultOf(pidfd, 'pidfd');
      const copy = program.op('pidfd_getfd', [held, num(socket), num(0)], quiet);
      const namespace = addSocketNamespace(program, resultOf(copy, 'socket'));
      for (const fd of [held, resultOf(copy, 'socket')]) program.op('close', [fd], quiet);
      return [pidfd, copy, namespace];
    }),
  openPidfd: (pidfd, type) =>
    open(host, (program) => [
      program.op('ioctl', [num(pidfd), words(REQUEST_OF_PIDFD[type], PIDFD_NAMESPACES), num(0)], quiet),
    ]),
  openId: (id, known) => open(host, (program) => [addOpenById(program, id, known)]),
  pidfdInode: (pid) => {
    let stat = 0;
    let statfs = 0;
    const asked = host.runCalls((program) => {
      stat = program.zeros(STAT.size);
      statfs = program.zeros(STATFS_SIZE);
      const pidfd = resultOf(program.op('pidfd_open', [num(pid), num(0)], quiet), 'pidfd');
      program.op('fstat', [pidfd, shown(stat, '&stat')], quiet);
      program.op('fstatfs', [pidfd, shown(statfs, '&statfs')], quiet);
      program.op('close', [pidfd], quiet);
    });
    return asked
      .map((program) => {
        const told = [1, 2].every((op) => program.result(op) === 0) && program.read64(statfs) === PID_FS_MAGIC;
        return told ? program.bytesAt(stat + STAT.inode, 8).readBigUInt64LE() : null;
      })
      .unwrapOr(null);
  },
});
