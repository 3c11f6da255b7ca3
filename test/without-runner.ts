/**
 * What the test runner puts into its processes. It changes the environment of every child that child_process starts, and
 * its loaders catch signals: what is to be seen as a user sees it is started without them.
 */
const RUNNERS = [
  ...new Set([
    ...Object.keys(process.env).filter((name) => name === 'NODE_V8_COVERAGE' || name.startsWith('_TAPJS_')),
    'NODE_OPTIONS',
    'NODE_CHANNEL_FD',
    'NODE_CHANNEL_SERIALIZATION_MODE',
  ]),
];

/** A command line that takes the runner's words out of the environment first, and then becomes the given one. */
export const withoutRunner = (...command: readonly string[]): readonly string[] => [
  'env',
  ...RUNNERS.flatMap((name) => ['-u', name]),
  ...command,
];
