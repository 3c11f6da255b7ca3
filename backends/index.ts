import type { Backend } from '../lib/backend.ts';
import { ffiBackend } from './ffi/index.ts';
import { shellBackend } from './shell/index.ts';

/** The backends in the order of preference. */
export const BACKENDS: readonly Backend[] = [ffiBackend, shellBackend];
