import { closeSync, constants, fstatSync, openSync, statSync } from 'node:fs';
import t from 'tap';
import { type KernelReader, NAMESPACE_TYPES, type NamespaceType, openBackend, spawn } from '../../lib/index.ts';
import { fileReader } from '../../lib/inspect/file-reader.ts';
import { unmet } from '../contract/caller.ts';
import { watchLeaks } from '../leaks.ts';

watchLeaks(t);

const DIRECTORY = constants.O_RDONLY | constants.O_DIRECTORY;
const ffi = openBackend('ffi').map(({ backend }) => backend.reader?.()._unsafeUnwrap() ?? fileReader);
const READERS: readonly (readonly [string, KernelReader])[] = [
  ['ffi', ffi.unwrapOr(fileReader)],
  ['files', fileReader],
];

/** What became of each type: the inode of what was opened, or an errno; and whether it is the caller's own. */
const opened = (reader: KernelReader, directory: number, types: readonly NamespaceType[]): readonly unknown[] =>
  reader.openNamespaces(directory, types).map(({ fd, own }) => {
    if (fd < 0) return [fd, own];
    const { ino } = fstatSync(fd);
    closeSync(fd);
    return [ino, own];
  });

for (const [name, reader] of READERS) {
  t.test(`openNamespaces() by ${name} opens what is asked for, and knows the caller's own`, async (t) => {
    const directory = openSync('/proc/self', DIRECTORY);
    const own = NAMESPACE_TYPES.map((type) => [statSync(`/proc/self/ns/${type}`).ino, true]);
    t.strictSame(opened(reader, directory, NAMESPACE_TYPES), own);
    t.strictSame(opened(reader, directory, ['uts', 'net']), [own[7], own[3]], 'in the order that was asked for');
    closeSync(directory);
  });

  t.test(
    `openNamespaces() by ${name} tells those of others apart`,
    { skip: unmet('user-namespaces') ?? false },
    async (t) => {
      const spec = { namespaces: ['user', 'uts'], mapRootUser: true, stdio: ['pipe', 'ignore', 'ignore'] } as const;
      const child = (await spawn('cat', [], spec))._unsafeUnwrap();
      const directory = openSync(`/proc/${child.pid}`, DIRECTORY);
      const wanted = NAMESPACE_TYPES.map((type) => [
        statSync(`/proc/${child.pid}/ns/${type}`).ino,
        type !== 'user' && type !== 'uts',
      ]);
      t.strictSame(opened(reader, directory, NAMESPACE_TYPES), wanted);
      await child[Symbol.asyncDispose]();
      // ESRCH: the directory is held, and the process that it stood for is not there any more.
      t.strictSame(opened(reader, directory, ['uts']), [[-3, false]], 'a process that is gone has none');
      closeSync(directory);
    },
  );

  t.test(`openNamespaces() by ${name} says why it could not`, async (t) => {
    const directory = openSync('/etc', DIRECTORY);
    t.strictSame(opened(reader, directory, ['uts']), [[-2, false]]);
    closeSync(directory);
  });
}
