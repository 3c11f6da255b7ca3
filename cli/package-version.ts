import { createRequire } from 'node:module';

/** The version of this package, which a module finds by the package's own name, wherever it was built to. */
export const packageVersion = (): string =>
  (createRequire(import.meta.url)('linux-namespaces/package.json') as { readonly version: string }).version;
