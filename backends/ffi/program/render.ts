import { renderArgument } from './argument.ts';
import type { OpInfo } from './builder.ts';

/** One op as strace(1) would print it, without its result. */
export const renderOp = ({ name, args }: OpInfo): string =>
  name === 'end' ? 'return' : `${name}(${args.map(renderArgument).join(', ')})`;

const remark = ({ options: { onError, onZero, expected, childProgram } }: OpInfo, next: number): string => {
  const parts: string[] = [];
  if (childProgram !== undefined) parts.push("0: go on with the child's program");
  if (onZero !== undefined && onZero.index !== next) parts.push(`0: go to ${onZero.index}`);
  if (onError !== 'next' && expected === true && onError.index !== next) parts.push(`error: go to ${onError.index}`);
  return parts.length === 0 ? '' : `    # ${parts.join('; ')}`;
};

/** A whole program, a line per op. */
export const renderProgram = (ops: readonly OpInfo[]): string =>
  ops.map((op, index) => `${String(index).padStart(4)}  ${renderOp(op)}${remark(op, index + 1)}`).join('\n');
