export { openBackends } from './measure/open-backends.ts';
export { checkOptions, type TypedOptions } from './options.ts';
export { jsonReport } from './report/json.ts';
export { lookOf } from './report/paint.ts';
export { progressOn } from './report/progress.ts';
export { drawReport } from './report/text.ts';
export { wrap } from './report/wrap.ts';
export { type BenchRun, runBench } from './run.ts';
