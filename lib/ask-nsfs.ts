import { err, type Result } from 'neverthrow';
import { type BackendUnavailable, type InvalidOption, type Unsupported, unsupported } from './errors.ts';
import type { Nsfs } from './nsfs.ts';
import { openBackend } from './open.ts';
import type { BackendChoice } from './spec.ts';

/** What of a backend asks nsfs, for what only system calls can do. */
export const askNsfs = (
  choice: BackendChoice | undefined,
  what: string,
): Result<Nsfs, InvalidOption | Unsupported | BackendUnavailable> =>
  openBackend(choice).andThen(
    ({ backend }) =>
      backend.nsfs?.() ?? err(unsupported(backend.name, what, 'the ffi backend: no tool makes these system calls')),
  );
