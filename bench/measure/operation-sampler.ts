import { type BackendChoice, type KernelOperation, measureOperation } from '../../lib/index.ts';
import type { Sampler } from './sample.ts';

/** Times one operation; the calling thread stands still meanwhile. */
export const operationSampler =
  (operation: KernelOperation, backend: BackendChoice): Sampler =>
  async () =>
    measureOperation(operation, backend).mapErr(({ type, message }) => ({ type, message }));
