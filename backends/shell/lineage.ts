import type { Relations } from '../../lib/kernel-reader.ts';
import { parseLineage } from './parse.ts';
import { ask } from './run.ts';
import type { Tools } from './tools.ts';

/** Who belongs to whom, as lsns(8) tells it of namespaces that have a process; nothing where its release does not. */
export const lineage = ({ lsns }: Tools): readonly Relations[] =>
  lsns === null ? [] : parseLineage(ask(lsns, ['--raw', '--noheadings', '--output', 'NS,TYPE,PNS,ONS']));
