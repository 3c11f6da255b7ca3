/** A command line that cannot be meant, or asks for what ns-run does not have; nothing was created. */
export interface UsageError {
  readonly type: 'usage';
  readonly message: string;
}

export const usageError = (message: string): UsageError => ({ type: 'usage', message });
