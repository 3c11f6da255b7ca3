import { err } from 'neverthrow';
import type { Backend } from '../../lib/backend.ts';
import { backendUnavailable } from '../../lib/errors.ts';

const missing = () => err(backendUnavailable('shell', 'it is being built'));

export const shellBackend: Backend = {
  name: 'shell',
  available: missing,
  launch: missing,
  explain: missing,
  measure: missing,
};
