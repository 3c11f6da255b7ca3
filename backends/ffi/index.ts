import { err } from 'neverthrow';
import type { Backend } from '../../lib/backend.ts';
import { backendUnavailable } from '../../lib/errors.ts';

const missing = () => err(backendUnavailable('ffi', 'it is being built'));

export const ffiBackend: Backend = {
  name: 'ffi',
  available: missing,
  launch: missing,
  explain: missing,
  measure: missing,
};
