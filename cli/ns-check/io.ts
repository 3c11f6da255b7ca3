/** What main() may touch of its process. */
export interface CheckIo {
  readonly stdout: { readonly write: (text: string) => unknown; readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: { readonly write: (text: string) => unknown };
  readonly stdin: AsyncIterable<Buffer | string>;
  readonly env: Readonly<NodeJS.ProcessEnv>;
}
