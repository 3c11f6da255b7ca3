/** What a command-line program talks to. */
export interface BenchIo {
  readonly stdout: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: NodeJS.WritableStream & { readonly isTTY?: boolean; readonly columns?: number };
  readonly env: Readonly<NodeJS.ProcessEnv>;
  /** Ends the run early; its reason is the exit code, 130 when it is none. */
  readonly stop: AbortSignal;
}

/** The exit code of arguments that cannot be meant. */
export const BAD_ARGUMENTS = 2;

/** Says one sentence on stderr. */
export const say = ({ stderr }: BenchIo, message: string): void => {
  stderr.write(`ns-bench: ${message}\n`);
};
