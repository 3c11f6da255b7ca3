import type * as PlotModule from '@observablehq/plot';
import { err, ok, type Result } from 'neverthrow';

/** The plotting library, and a document for it to draw in. */
export interface Plotting {
  readonly plot: typeof PlotModule;
  readonly document: unknown;
}

/** What `--html` takes beyond what is installed with the package. */
const PACKAGES = ['@observablehq/plot', 'linkedom'];

/** Loads the plotting library, which is installed by those who want reports only; or says how to. */
export const loadPlotting = async (): Promise<Result<Plotting, string>> => {
  try {
    const [plot, { parseHTML }] = await Promise.all([import('@observablehq/plot'), import('linkedom')]);
    const { document } = parseHTML('<!doctype html><html><body></body></html>');
    return ok({ plot, document });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    return err(`the packages that draw it: npm install ${PACKAGES.join(' ')}`);
  }
};
