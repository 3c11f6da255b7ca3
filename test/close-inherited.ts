import { closeSync } from 'node:fs';
import { inheritedFds } from '../backends/shell/proc.ts';

/**
 * Closes what the terminal or the runner of the tests has left open for us.
 *
 * @remarks The shell backend has to close it in the command, and dash, which knows fds of one digit only, cannot.
 */
export const closeInherited = (): void => inheritedFds().forEach(closeSync);
