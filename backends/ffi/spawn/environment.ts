/** The whole environment as it stands in process.env: a worker thread has one of its own. */
export const ownEnv = (): readonly string[] => Object.entries(process.env).map(([name, value]) => `${name}=${value}`);

/** What Node.js puts in place of bytes that are no UTF-8. */
const REPLACEMENT = '\ufffd';

/** The environment as it is now, for a child that is still reading it when this process has changed its own; null: not all of it is text. */
export const frozenEnv = (): readonly string[] | null => {
  const env = ownEnv();
  return env.some((entry) => entry.includes(REPLACEMENT)) ? null : env;
};
