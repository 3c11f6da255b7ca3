/** The environment without what the test runner puts into it for its own processes. */
export const plainEnv = (): NodeJS.ProcessEnv =>
  Object.fromEntries(
    Object.entries(process.env).filter(
      ([name]) => !['NODE_OPTIONS', 'NODE_V8_COVERAGE', 'NODE_CHANNEL_FD'].includes(name) && !/^_?TAP/.test(name),
    ),
  );
