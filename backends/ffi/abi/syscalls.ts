/** The architectures that the runner has been written for. */
export type Arch = 'x64' | 'arm64';

/**
 * System call numbers: [x86-64 (asm/unistd_64.h), arm64 (asm-generic/unistd.h)]. Only calls that both have are here;
 * what arm64 left out (open, pipe, dup2, fork, poll...) has a younger form that both know.
 */
const SYSCALLS = {
  write: [1, 64],
  read: [0, 63],
  close: [3, 57],
  rt_sigaction: [13, 134],
  rt_sigprocmask: [14, 135],
  clone: [56, 220],
  execve: [59, 221],
  wait4: [61, 260],
  kill: [62, 129],
  fcntl: [72, 25],
  ioctl: [16, 29],
  socket: [41, 198],
  setsockopt: [54, 208],
  chdir: [80, 49],
  setsid: [112, 157],
  getgroups: [115, 158],
  setgroups: [116, 159],
  setresuid: [117, 147],
  setresgid: [119, 149],
  capset: [126, 91],
  setpriority: [141, 140],
  prctl: [157, 167],
  mmap: [9, 222],
  mount: [165, 40],
  sethostname: [170, 161],
  setdomainname: [171, 162],
  clock_gettime: [228, 113],
  exit_group: [231, 94],
  openat: [257, 56],
  unlinkat: [263, 35],
  unshare: [272, 97],
  setns: [308, 268],
  fstat: [5, 80],
  dup3: [292, 24],
  pipe2: [293, 59],
  prlimit64: [302, 261],
  seccomp: [317, 277],
  memfd_create: [319, 279],
  execveat: [322, 281],
  pidfd_open: [434, 434],
  pidfd_send_signal: [424, 424],
  clone3: [435, 435],
  close_range: [436, 436],
  chroot: [161, 51],
  fallocate: [285, 47],
  fchdir: [81, 50],
  fchmod: [91, 52],
  mkdirat: [258, 34],
  mknodat: [259, 33],
  mount_setattr: [442, 442],
  move_mount: [429, 429],
  newfstatat: [262, 79],
  open_tree: [428, 428],
  openat2: [437, 437],
  pivot_root: [155, 41],
  readlinkat: [267, 78],
  symlinkat: [266, 36],
  ppoll: [271, 73],
  rt_sigtimedwait: [128, 137],
  setpgid: [109, 154],
  signalfd4: [289, 74],
  umask: [95, 166],
  umount2: [166, 39],
  getpid: [39, 172],
  getxattr: [191, 8],
  waitid: [247, 95],
  getppid: [110, 173],
  sched_yield: [24, 124],
  recvmsg: [47, 212],
  sendmsg: [46, 211],
  socketpair: [53, 199],
  msgget: [68, 186],
  msgctl: [71, 187],
  msgrcv: [70, 188],
  msgsnd: [69, 189],
  semget: [64, 190],
  semctl: [66, 191],
  semop: [65, 193],
  shmget: [29, 194],
  shmctl: [31, 195],
  shmat: [30, 196],
  shmdt: [67, 197],
  mq_open: [240, 180],
  mq_unlink: [241, 181],
  mq_timedsend: [242, 182],
  mq_timedreceive: [243, 183],
  mq_getsetattr: [245, 185],
  fsopen: [430, 430],
  fsconfig: [431, 431],
  fsmount: [432, 432],
  getdents64: [217, 61],
  lseek: [8, 62],
} as const satisfies Readonly<Record<string, readonly [number, number]>>;

/** What the runner takes for the end of a program that Node runs. */
const END = 0x8000;

/** A system call that programs may make. */
export type SyscallName = keyof typeof SYSCALLS;

/** What an op may be. */
export type OpName = SyscallName | 'end';

/** The number that stands for an op on an architecture. */
export const opNumber = (name: OpName, arch: Arch): number =>
  name === 'end' ? END : SYSCALLS[name][arch === 'x64' ? 0 : 1];
