import type { BackendChoice } from '../../lib/index.ts';
import type { Environment } from './host.ts';

/** What main() may touch of its process. */
export interface Io {
  readonly stdout: (text: string | Uint8Array) => void;
  readonly stderr: (text: string) => void;
  readonly env: Environment;
  /** The backend where the command line names none; the library's own choice when left out. */
  readonly backend?: BackendChoice;
  /** Ends the process by a signal. */
  readonly die: (signal: NodeJS.Signals) => void;
}
