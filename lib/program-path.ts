import { accessSync, constants, statSync } from 'node:fs';

/** Where tools are even when PATH does not say so. */
const USUAL_DIRECTORIES = ['/usr/sbin', '/usr/bin', '/sbin', '/bin', '/usr/local/bin'];

const isProgram = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
};

/** Relative directories are not for what may run with privilege, or gets at namespaces. */
const firstIn = (directories: readonly string[], name: string): string | null =>
  directories
    .filter((directory) => directory.startsWith('/'))
    .map((directory) => `${directory}/${name}`)
    .find(isProgram) ?? null;

const pathDirectories = (): readonly string[] => (process.env['PATH'] ?? '').split(':');

/** The first program of that name in PATH. */
export const programInPath = (name: string): string | null => firstIn(pathDirectories(), name);

/** The first program of that name in PATH, else where tools usually are. */
export const findProgram = (name: string): string | null => firstIn([...pathDirectories(), ...USUAL_DIRECTORIES], name);
