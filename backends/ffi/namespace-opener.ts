import type { Result } from 'neverthrow';
import { ERRNO } from '../../lib/errno.ts';
import type { KernelReader, OpenedNamespace } from '../../lib/kernel-reader.ts';
import type { NamespaceType } from '../../lib/namespace.ts';
import { AT, OPEN, STAT } from './abi/constants.ts';
import { type Host, layOut } from './host.ts';
import type { Arena } from './memory.ts';
import { int32At, num, resultOf, shown, words } from './program/argument.ts';
import { ProgramBuilder } from './program/builder.ts';

const here = words(AT.AT_FDCWD, AT);
const readOnly = words(OPEN.O_RDONLY | OPEN.O_CLOEXEC, OPEN);
const onlyPath = words(OPEN.O_PATH | OPEN.O_CLOEXEC, OPEN);
const LINK_SIZE = 64;
const quiet = { onError: 'next' } as const;

/** A program that has been laid out, and how to run it for another process. */
type Ask = (directory: number) => readonly OpenedNamespace[];

const layOutProgram = (host: Host, arena: Arena, types: readonly NamespaceType[]): Result<Ask, number> =>
  layOut(arena, 1, ({ bytes, words: numbers, address }) => {
    const program = new ProgramBuilder({ bytes, words: numbers, offset: 0, base: address, arch: host.arch });
    const directoryAt = program.int32s(-1);
    const path = program.string('/proc/thread-self/ns');
    const own = resultOf(program.op('openat', [here, path, onlyPath], quiet), 'own');
    const slots = types.map((type) => {
      const stat = program.room(STAT.size);
      const room = program.room(LINK_SIZE);
      const name = program.string(`ns/${type}`);
      const open = program.op('openat', [int32At(directoryAt, '/proc/PID'), name, readOnly], quiet);
      const fstat = program.op('fstat', [resultOf(open, type), shown(stat, '&stat')], quiet);
      // The text of the link tells as much as a stat of what it leads to, in half the time.
      const link = program.op('readlinkat', [own, program.string(type), shown(room, 'link'), num(LINK_SIZE)], quiet);
      const ownText = (): string => program.bytesAt(room, program.result(link)).toString('latin1');
      return (): OpenedNamespace => ({
        fd: program.result(open),
        own:
          program.result(link) < 0
            ? null
            : program.result(fstat) === 0 && ownText() === `${type}:[${program.read64(stat + STAT.inode)}]`,
      });
    });
    program.op('close', [own], quiet);
    program.op('end', [], quiet);
    program.finish();
    return (directory: number) => {
      numbers[(directoryAt - address) / 4] = directory;
      host.run(program.base);
      return slots.map((slot) => slot());
    };
  });

/** Opens the namespaces of a process, in one FFI call; the program of the last list of types is kept. */
export const namespaceOpener = (host: Host): KernelReader['openNamespaces'] => {
  const arena = host.makeArena();
  let laidOut: { readonly key: string; readonly ask: Result<Ask, number> } | null = null;
  return (directory, types) => {
    const key = types.join();
    if (laidOut?.key !== key || laidOut.ask.isErr()) laidOut = { key, ask: layOutProgram(host, arena, types) };
    return laidOut.ask.match(
      (ask) => ask(directory),
      () => types.map(() => ({ fd: -ERRNO.ENOMEM, own: false })),
    );
  };
};
