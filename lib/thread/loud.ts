/** What happens when a function is called that would do its work outside of the thread's namespaces. */
export type Loudness = 'fail' | 'warn' | 'allow';

/** An error that says that a function would have gone to the host. */
export const outsideError = (what: string, instead: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${what} would run on a thread outside of this worker's namespaces: ${instead}`), {
    code: 'ERR_OUTSIDE_NAMESPACES',
  });

const warned = new Set<string>();

/** Warns once for each function. */
export const warnOutside = (what: string, instead: string): void => {
  if (warned.has(what)) return;
  warned.add(what);
  process.emitWarning(outsideError(what, instead).message, { type: 'NamespaceWorkerWarning' });
};
