import fs from 'node:fs';
import { type Loudness, outsideError, warnOutside } from './loud.ts';

type AnyFunction = (...args: unknown[]) => unknown;

const INSTEAD = 'use its synchronous form';

/** Functions that are given a path, and do their work on a pool thread. With an fd they do no harm: it is open already. */
const ASYNCHRONOUS = [
  'access',
  'appendFile',
  'chmod',
  'chown',
  'copyFile',
  'cp',
  'exists',
  'lchmod',
  'lchown',
  'link',
  'lstat',
  'lutimes',
  'mkdir',
  'mkdtemp',
  'open',
  'openAsBlob',
  'opendir',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'rename',
  'rm',
  'rmdir',
  'stat',
  'statfs',
  'symlink',
  'truncate',
  'unlink',
  'utimes',
  'writeFile',
] as const;

const isOpen = (file: unknown): boolean =>
  typeof file === 'number' || (typeof file === 'object' && file !== null && 'fd' in file);

/** Makes asynchronous fs by path loud: it runs on pool threads, which see the mounts that they started with. */
export const loudFs = (loudness: Loudness): void => {
  if (loudness === 'allow') return;
  const refuse = (what: string): NodeJS.ErrnoException | null => {
    if (loudness === 'fail') return outsideError(what, INSTEAD);
    warnOutside(what, INSTEAD);
    return null;
  };
  const callbacks = fs as unknown as Record<string, AnyFunction | undefined>;
  const promises = fs.promises as unknown as Record<string, AnyFunction | undefined>;
  for (const name of ASYNCHRONOUS) {
    const [callback, promise] = [callbacks[name], promises[name]];
    if (callback !== undefined) {
      const loud: AnyFunction = (...args) => {
        const error = isOpen(args[0]) ? null : refuse(`fs.${name}()`);
        if (error === null) return callback.apply(fs, args);
        const done = args.at(-1);
        if (typeof done !== 'function') throw error;
        process.nextTick(done as AnyFunction, error);
        return undefined;
      };
      callbacks[name] = Object.assign(loud, callback);
    }
    if (promise !== undefined) {
      promises[name] = async (...args) => {
        // The loader of ES modules reads them so: this way they come from the mounts of this thread.
        if (name === 'readFile' && args[0] instanceof URL) return fs.readFileSync(args[0], args[1] as null);
        const error = isOpen(args[0]) ? null : refuse(`fs.promises.${name}()`);
        if (error !== null) throw error;
        return promise.apply(fs.promises, args);
      };
    }
  }
};
