import { ok, type Result } from 'neverthrow';
import type { KernelReader, Question, Relations } from '../../lib/kernel-reader.ts';
import { NAMESPACES, type NamespaceType } from '../../lib/namespace.ts';
import { AT, NSFS, OPEN, STAT } from './abi/constants.ts';
import { type Host, layOut } from './host.ts';
import { namespaceIds } from './listns.ts';
import type { Arena } from './memory.ts';
import { namespaceOpener } from './namespace-opener.ts';
import { addNetlinkSocket } from './netlink/socket.ts';
import { addOpenById } from './nsfs-handle.ts';
import { type Argument, num, resultOf, shown, words } from './program/argument.ts';
import { ProgramBuilder } from './program/builder.ts';

/** How many files one program reads. */
const AT_ONCE = 512;
/** A namespace takes a dozen ops, and one for each step up. */
const QUESTIONS_AT_ONCE = 1_024;
const LINK_SIZE = 63;

const TYPE_OF_FLAG = new Map<number, NamespaceType>(
  Object.entries(NAMESPACES).map(([type, { cloneFlag }]) => [cloneFlag, type as NamespaceType]),
);

const here = words(AT.AT_FDCWD, AT);
const readOnly = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC | OPEN.O_NONBLOCK, OPEN);
const quiet = { onError: 'next' } as const;

/** Lays out a program, runs it, and reads what it left. */
const runProgram = <T>(
  { run, arch }: Host,
  arena: Arena,
  space: number,
  build: (program: ProgramBuilder) => () => T,
): Result<T, number> =>
  layOut(arena, space, ({ bytes, words: numbers, address }) => {
    const program = new ProgramBuilder({ bytes, words: numbers, offset: 0, base: address, arch });
    const read = build(program);
    program.op('end', [], quiet);
    program.finish();
    return { program, read };
  }).map(({ program, read }) => {
    run(program.base);
    return read();
  });

const inPieces = <T, R>(all: readonly T[], size: number, ask: (piece: readonly T[]) => readonly R[]): readonly R[] => {
  const answers: R[] = [];
  for (let at = 0; at < all.length; at += size) answers.push(...ask(all.slice(at, at + size)));
  return answers;
};

const addFstat = (program: ProgramBuilder, fd: Argument): (() => number | null) => {
  const stat = program.room(STAT.size);
  const op = program.op('fstat', [fd, shown(stat, '&stat')], quiet);
  return () => (program.result(op) === 0 ? program.read64(stat + STAT.inode) : null);
};

/** Asks for a related namespace, whose inode is all that is kept of it. */
const addRelated = (program: ProgramBuilder, fd: Argument, request: number): (() => number | null) => {
  const related = resultOf(program.op('ioctl', [fd, words(request, NSFS)], quiet), 'related');
  const inode = addFstat(program, related);
  program.op('close', [related], quiet);
  return inode;
};

const addQuestion = (program: ProgramBuilder, { at, up }: Question): (() => Relations | null) => {
  const op =
    typeof at === 'string'
      ? program.op('openat', [here, program.string(at), readOnly], quiet)
      : addOpenById(program, at, null);
  let fd = resultOf(op, 'fd');
  const opened = [fd];
  for (const step of up) {
    const request = step === 'owner' ? NSFS.NS_GET_USERNS : NSFS.NS_GET_PARENT;
    fd = resultOf(program.op('ioctl', [fd, words(request, NSFS)], quiet), step);
    opened.push(fd);
  }
  const inode = addFstat(program, fd);
  const type = program.op('ioctl', [fd, words(NSFS.NS_GET_NSTYPE, NSFS)], quiet);
  const idRoom = program.int64s([0]);
  const id = program.op('ioctl', [fd, words(NSFS.NS_GET_ID, NSFS), shown(idRoom, '&id')], quiet);
  const mountId = program.int64s([0]);
  const oldId = program.op('ioctl', [fd, words(NSFS.NS_GET_MNTNS_ID, NSFS), shown(mountId, '&id')], quiet);
  const uidRoom = program.int32s(-1, -1);
  const uid = program.op('ioctl', [fd, words(NSFS.NS_GET_OWNER_UID, NSFS), shown(uidRoom, '&uid')], quiet);
  const owner = addRelated(program, fd, NSFS.NS_GET_USERNS);
  const parent = addRelated(program, fd, NSFS.NS_GET_PARENT);
  for (const one of opened) program.op('close', [one], quiet);
  return () => {
    const known = TYPE_OF_FLAG.get(program.result(type));
    const number = inode();
    if (known === undefined || number === null) return null;
    const newId = program.result(id) === 0 ? program.bytesAt(idRoom, 8).readBigUInt64LE() : null;
    const onlyMount = program.result(oldId) === 0 ? program.bytesAt(mountId, 8).readBigUInt64LE() : null;
    return {
      inode: number,
      type: known,
      id: newId ?? onlyMount,
      owner: owner(),
      parent: parent(),
      ownerUid: program.result(uid) === 0 ? program.read32(uidRoom) >>> 0 : null,
    };
  };
};

/** linux/rtnetlink.h, linux/net_namespace.h: one RTM_GETNSID request by fd, and where its answer has the nsid. */
const NETNSID = {
  RTM_NEWNSID: 88,
  RTM_GETNSID: 90,
  NETNSA_NSID: 1,
  NETNSA_FD: 3,
  requestSize: 28,
  answerSize: 256,
} as const;

const nsIdRequest = (fd: number): Buffer => {
  const bytes = Buffer.alloc(NETNSID.requestSize);
  bytes.writeUInt32LE(NETNSID.requestSize, 0);
  bytes.writeUInt16LE(NETNSID.RTM_GETNSID, 4);
  bytes.writeUInt16LE(1, 6); // NLM_F_REQUEST
  bytes.writeUInt16LE(8, 20);
  bytes.writeUInt16LE(NETNSID.NETNSA_FD, 22);
  bytes.writeUInt32LE(fd, 24);
  return bytes;
};

/** The nsid in an answer; null when it is an error. */
const nsIdOf = (answer: Buffer): number | null => {
  if (answer.length < 20 || answer.readUInt16LE(4) !== NETNSID.RTM_NEWNSID) return null;
  for (let at = 20; at + 8 <= answer.length; ) {
    const size = answer.readUInt16LE(at);
    if (answer.readUInt16LE(at + 2) === NETNSID.NETNSA_NSID) return answer.readInt32LE(at + 4);
    if (size < 4) return null;
    at += (size + 3) & -4;
  }
  return null;
};

const askNsIds = (program: ProgramBuilder, fds: readonly number[]): (() => (number | null)[]) => {
  const socket = addNetlinkSocket(program, 'NETLINK_ROUTE', quiet, 'socket');
  const reads = fds.map((fd) => {
    const request = program.data(nsIdRequest(fd));
    const answer = program.room(NETNSID.answerSize);
    const skip = program.label();
    // An answer lies ready when its request has been taken: the kernel answers at once.
    program.op('write', [socket, shown(request, '{RTM_GETNSID}'), num(NETNSID.requestSize)], {
      onError: skip,
      expected: true,
    });
    const read = program.op('read', [socket, shown(answer, 'answer'), num(NETNSID.answerSize)], quiet);
    program.place(skip);
    return { read, answer };
  });
  program.op('close', [socket], quiet);
  return () =>
    reads.map(({ read, answer }) => {
      const size = program.result(read);
      return size > 0 ? nsIdOf(program.bytesAt(answer, Math.min(size, NETNSID.answerSize))) : null;
    });
};

/** How many links one program reads, and how long their paths may be. */
const LINKS_AT_ONCE = 1_024;
const PATH_SIZE = 64;

/**
 * Reads links by a program that is laid out once: only the paths in it change. What has no place in it is not of /proc,
 * where no path is that long.
 */
const linkAsker = (host: Host): ((paths: readonly string[]) => readonly (string | null)[]) => {
  const makeProgram = (): Result<{ program: ProgramBuilder; bytes: Buffer; paths: number; links: number }, number> =>
    layOut(host.makeArena(), LINKS_AT_ONCE * 192, ({ bytes, words: numbers, address }) => {
      const program = new ProgramBuilder({ bytes, words: numbers, offset: 0, base: address, arch: host.arch });
      const paths = program.zeros(LINKS_AT_ONCE * PATH_SIZE);
      const links = program.room(LINKS_AT_ONCE * PATH_SIZE);
      for (let index = 0; index < LINKS_AT_ONCE; index += 1) {
        const path = shown(paths + index * PATH_SIZE, 'path');
        const link = shown(links + index * PATH_SIZE, 'buf');
        program.op('readlinkat', [here, path, link, num(LINK_SIZE)], quiet);
      }
      program.op('end', [], quiet);
      program.finish();
      return { program, bytes, paths: paths - address, links: links - address };
    });
  let made: ReturnType<typeof makeProgram> | null = null;
  return (asked) => {
    made ??= makeProgram();
    if (made.isErr()) return asked.map(() => null);
    const { program, bytes, paths, links } = made.value;
    for (let index = 0; index < LINKS_AT_ONCE; index += 1) {
      const at = paths + index * PATH_SIZE;
      const path = asked[index];
      // An empty path is an error at once.
      const size = path === undefined || path.length >= PATH_SIZE ? 0 : bytes.write(path, at, 'latin1');
      bytes[at + size] = 0;
    }
    host.run(program.base);
    return asked.map((_, index) => {
      const size = program.result(index);
      const at = links + index * PATH_SIZE;
      return size > 0 ? bytes.toString('latin1', at, at + size) : null;
    });
  };
};

/** Asks in programs: thousands of questions are a few FFI calls. */
const createReader = (host: Host): KernelReader => {
  const arena = host.makeArena();
  const askLinks = linkAsker(host);
  const readLinks: KernelReader['readLinks'] = (paths) => inPieces(paths, LINKS_AT_ONCE, askLinks);
  const readFiles: KernelReader['readFiles'] = (paths, mostBytes) =>
    inPieces(paths, AT_ONCE, (piece) =>
      runProgram(host, arena, piece.length * (mostBytes + 320), (program) => {
        const reads = piece.map((path) => {
          const room = program.room(mostBytes);
          const missing = program.label();
          const file = resultOf(
            program.op('openat', [here, program.string(path), readOnly], { onError: missing, expected: true }),
            'file',
          );
          const op = program.op('read', [file, shown(room, 'buf'), num(mostBytes)], quiet);
          program.op('close', [file], quiet);
          program.place(missing);
          return { room, op };
        });
        return () =>
          reads.map(({ room, op }) => {
            const size = program.result(op);
            return size >= 0 ? program.bytesAt(room, size) : null;
          });
      }).unwrapOr(piece.map(() => null)),
    );
  return {
    readLinks,
    readFiles,
    openNamespaces: namespaceOpener(host),
    namespaceIds: () => namespaceIds(host),
    relations: (questions) =>
      inPieces(questions, QUESTIONS_AT_ONCE, (piece) =>
        runProgram(host, arena, piece.length * 2_048, (program) => {
          const answers = piece.map((question) => addQuestion(program, question));
          return () => answers.map((answer) => answer());
        }).unwrapOr(piece.map(() => null)),
      ),
    netNsIds: (fds) =>
      inPieces(fds, QUESTIONS_AT_ONCE, (piece) =>
        runProgram(host, arena, piece.length * 768, (program) => askNsIds(program, piece)).unwrapOr(
          piece.map(() => null),
        ),
      ),
  };
};

const readers = new WeakMap<Host, KernelReader>();

/** The reader of a thread; its memory is kept. */
export const readerOf = (host: Host): Result<KernelReader, never> => {
  const known = readers.get(host) ?? createReader(host);
  readers.set(host, known);
  return ok(known);
};
