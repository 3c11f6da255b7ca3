import type { EnterError, ExitError } from '../../lib/index.ts';
import { errorCode as runErrorCode } from '../ns-run/exit-code.ts';
import type { UsageError } from '../ns-run/usage-error.ts';

/** What nsenter(1) exits with when it failed itself. */
const FAILED = 1;

/** The exit code that stands for an error: 126 and 127 are about the command, everything else is 1. */
export const errorCode = (error: EnterError | ExitError | UsageError): number =>
  error.type === 'exec-failed' ? runErrorCode(error) : FAILED;
