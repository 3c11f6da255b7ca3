/** What the JSON of a run calls itself. */
export const SCHEMA = 'linux-namespaces/ns-bench';

/** The version of its shape; it grows when a reader of an older one would misunderstand. */
export const SCHEMA_VERSION = 1;
