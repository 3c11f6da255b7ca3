import type { ClockOffset, SpawnPlan } from '../../../lib/plan.ts';
import type { Label, ProgramBuilder } from '../program/builder.ts';
import { addWriteFile } from './write-file.ts';

const line = (clock: string, offset: ClockOffset | null): string =>
  offset === null ? '' : `${clock} ${offset.seconds} ${offset.nanoseconds}\n`;

/** Sets the clocks of a time namespace that has been unshared and has no process yet: later it is too late. */
export const addTimeOffsets = (program: ProgramBuilder, { timeOffsets }: SpawnPlan, fail: Label): void => {
  if (timeOffsets === null) return;
  const { monotonic, boottime } = timeOffsets;
  const text = line('monotonic', monotonic) + line('boottime', boottime);
  addWriteFile(program, '/proc/self/timens_offsets', text, {
    step: 'time-offsets',
    onError: fail,
    namespaces: ['time'],
  });
};
