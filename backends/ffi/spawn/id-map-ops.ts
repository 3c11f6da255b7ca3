import { type IdMapPlan, idMapText } from '../../../lib/id-map.ts';
import { AT, OPEN } from '../abi/constants.ts';
import { type Argument, num, resultOf, words } from '../program/argument.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';

const writeFile = (
  program: ProgramBuilder,
  path: string,
  content: string,
  fail: Label,
  missing: Label | null,
): void => {
  const step = 'id-map';
  const options = { step, onError: fail, path } as const;
  const file = program.op(
    'openat',
    [words(AT.AT_FDCWD, AT), program.string(path), words(OPEN.O_WRONLY | OPEN.O_CLOEXEC, OPEN)],
    missing === null ? options : { ...options, onError: missing, expected: true },
  );
  const fd: Argument = resultOf(file, 'fd');
  program.op('write', [fd, program.string(content), num(Buffer.byteLength(content))], options);
  program.op('close', [fd], { step, onError: 'next' });
};

/** The child writes its own maps: one line each, of the caller's own ids. */
export const addOwnIdMaps = (program: ProgramBuilder, { uid, gid, setgroups }: IdMapPlan, fail: Label): void => {
  if (setgroups === 'deny') {
    // Before Linux 3.19 there is no such file, and no need for it.
    const after = program.label();
    writeFile(program, '/proc/self/setgroups', 'deny', fail, after);
    program.place(after);
  }
  if (uid.length > 0) writeFile(program, '/proc/self/uid_map', idMapText(uid), fail, null);
  if (gid.length > 0) writeFile(program, '/proc/self/gid_map', idMapText(gid), fail, null);
};
