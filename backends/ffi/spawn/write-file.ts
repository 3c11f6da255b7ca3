import { AT, OPEN } from '../abi/constants.ts';
import { type Argument, num, resultOf, words } from '../program/argument.ts';
import type { Label, OpOptions, ProgramBuilder } from '../program/builder.ts';

/**
 * Writes a text to a file that is there, in one write.
 *
 * @param missing - where to go on when it is not there; null: that is an error
 */
export const addWriteFile = (
  program: ProgramBuilder,
  path: string,
  text: string,
  { directory = words(AT.AT_FDCWD, AT), ...options }: Omit<OpOptions, 'path'> & { readonly directory?: Argument },
  missing: Label | null = null,
): void => {
  const at = { ...options, path };
  const flags = words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN);
  const opened = program.op(
    'openat',
    [directory, program.string(path), flags],
    missing === null ? at : { ...at, onError: missing, expected: true },
  );
  const fd = resultOf(opened, 'fd');
  program.op('write', [fd, program.string(text), num(Buffer.byteLength(text))], at);
  program.op('close', [fd], { onError: 'next' });
};
