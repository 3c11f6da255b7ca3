import { err, ok, okAsync } from 'neverthrow';
import type { Backend, ExitStatus } from '../../lib/index.ts';

/** What a fake backend pretends. */
export interface FakeSpec {
  readonly name?: string;
  readonly available?: boolean;
  /** Whether `measure` can; `unsupported` when not. */
  readonly measures?: boolean;
  /** Namespace types that this machine is to refuse. */
  readonly refuses?: readonly string[];
}

const EXITED: ExitStatus = { type: 'exited', code: 0, usage: null };

/** A backend that starts nothing: clone takes 1,000 ns and 100 for each namespace, the whole a hundred times as long. */
export const fakeBackend = ({
  name = 'fake',
  available = true,
  measures = true,
  refuses = [],
}: FakeSpec = {}): Backend => {
  const refused = (types: readonly string[]) =>
    err({
      type: 'setup-failed',
      backend: name,
      step: 'clone',
      syscall: 'clone3',
      call: 'clone3(...)',
      errno: 'EPERM',
      namespaces: [],
      path: null,
      diagnosis: { cause: 'fake', summary: 'as told', confidence: 'certain', evidence: [], remedy: [] },
      message: `Set-up failed at clone: ${types.join('+')}: EPERM`,
    } as const);
  const isRefused = (types: readonly string[]): boolean => types.some((type) => refuses.includes(type));
  return {
    name,
    available: () =>
      available
        ? ok('a fake one')
        : err({
            type: 'backend-unavailable',
            backend: name,
            reason: 'it is not there',
            message: `The ${name} backend is not available: it is not there`,
          }),
    launch: ({ namespaces }) =>
      isRefused(namespaces)
        ? refused(namespaces)
        : ok({
            started: okAsync(1),
            exit: okAsync(EXITED),
            stdio: [null, null, null],
            kill: () => ok(undefined),
            setRef: () => undefined,
          }),
    explain: () => ok(''),
    measure: ({ namespaces }) => {
      if (!measures) {
        return err({ type: 'unsupported', backend: name, what: 'measuring', needs: 'another backend', message: 'No' });
      }
      const cloneNs = 1000 + 100 * namespaces.length;
      return isRefused(namespaces) ? refused(namespaces) : ok({ cloneNs, totalNs: 100 * cloneNs, status: EXITED });
    },
  };
};
