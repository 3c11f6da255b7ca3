/** Variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What of the machine and the caller a command line is read against. */
export interface Host {
  readonly env: Environment;
  /** The effective ids. */
  readonly uid: number;
  readonly gid: number;
  readonly findUser: (name: string) => number | null;
  readonly findGroup: (name: string) => number | null;
}
