import { SPECIAL } from './evidence.ts';
import type { Facts, MapHelper } from './facts.ts';
import type { Failure } from './failure.ts';

/** The programs that write id maps for ordinary users. */
export const HELPERS: readonly MapHelper[] = ['newuidmap', 'newgidmap'];

export const isHelper = (failure: Failure): boolean => failure.step === 'newuidmap';

/** The helper that the failure is about, or both. */
export const concerned = ({ path }: Failure): readonly MapHelper[] => {
  const named = HELPERS.filter((name) => path?.endsWith(name));
  return named.length === 0 ? HELPERS : named;
};

export const says = (failure: Failure, pattern: RegExp): boolean => pattern.test(failure.text ?? '');

/** Whether who called the helper tells its exit code, and the helper nothing. */
export const isMute = (failure: Failure): boolean =>
  failure.errno === null &&
  says(failure, /exit (?:status|code) 1$/m) &&
  !saidNothing(failure) &&
  !says(failure, /not allowed|owned by|\/etc\/sub/);

/** Whether the helper is shown to have said nothing: it does so where it cannot open a file of ranges. */
export const saidNothing = (failure: Failure): boolean =>
  failure.errno === null && says(failure, /newuidmap \d+[ \d[\]]*(?:failed: ?:? exit status 1$|`: *$)/m);

/** The caller's name, for a command. */
export const account = (facts: Facts): string => facts.evidence.read(SPECIAL.account)?.split(':')[0] ?? 'USER';
