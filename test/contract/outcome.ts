import type { Result, ResultAsync } from 'neverthrow';
import { Child, type NamespaceError, type Unsupported } from '../../lib/index.ts';

type Outcome<T> = Result<T, NamespaceError> | ResultAsync<T, NamespaceError>;

/** What a claim throws when the backend says that it cannot; the suite asks whether that was announced. */
export class Refused extends Error {
  readonly refusal: Unsupported;

  constructor(refusal: Unsupported) {
    super(refusal.message);
    this.refusal = refusal;
  }
}

/** The value of a success; a claim that gets an error instead has failed, or was refused. */
export const value = async <T>(outcome: Outcome<T>): Promise<T> => {
  const settled = await outcome;
  if (settled.isOk()) return settled.value;
  if (settled.error.type === 'unsupported') throw new Refused(settled.error);
  throw new Error(`Wanted a success, got ${settled.error.type}: ${settled.error.message}`);
};

/** The error of a failure, which must be of that type. */
export const failure = async <K extends NamespaceError['type']>(
  outcome: Outcome<unknown>,
  type: K,
): Promise<Extract<NamespaceError, { type: K }>> => {
  const settled = await outcome;
  if (settled.isOk()) {
    if (settled.value instanceof Child) await settled.value[Symbol.asyncDispose]();
    throw new Error(`Wanted the error ${type}, got a success`);
  }
  const { error } = settled;
  if (error.type === type) return error as Extract<NamespaceError, { type: K }>;
  if (error.type === 'unsupported') throw new Refused(error);
  throw new Error(`Wanted the error ${type}, got ${error.type}: ${error.message}`);
};
