import { readFileSync } from 'node:fs';
import { descendantsOf } from './process-tree.ts';

/** What the processors did since the machine was started, in ticks. */
interface CpuTimes {
  readonly all: number;
  /** Time in which they worked, for whomever. */
  readonly busy: number;
  /** Time in which a virtual processor wanted to run and the host did not let it. */
  readonly steal: number;
}

/** Reads the first line of /proc/stat; null when it is not as proc(5) says. */
export const parseCpuTimes = (stat: string): CpuTimes | null => {
  const [, fields] = /^cpu +([\d ]+)$/m.exec(stat) ?? [];
  // user nice system idle iowait irq softirq steal; guest times, after them, are within the first two.
  const times = fields?.trim().split(' ').slice(0, 8).map(Number);
  const [steal] = times?.slice(7) ?? [];
  if (times === undefined || steal === undefined) return null;
  const all = times.reduce((sum, time) => sum + time, 0);
  const [, , , idle = 0, iowait = 0] = times;
  return { all, steal, busy: all - idle - iowait - steal };
};

/** What a process and the children that it has reaped took of the processors, in ticks, from its /proc/PID/stat. */
export const parseOwnTicks = (stat: string): number => {
  // Its name, in parentheses, may have spaces; utime, stime, cutime, cstime are fields 14 to 17.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0);
};

/** The same for this process and all that it has started. */
const ownTicks = (): number =>
  [process.pid, ...descendantsOf(process.pid)].reduce((sum, pid) => {
    const stat = read(`/proc/${pid}/stat`);
    return stat === null ? sum : sum + parseOwnTicks(stat);
  }, 0);

const read = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
};

const cpuTimes = (): CpuTimes | null => {
  const stat = read('/proc/stat');
  return stat === null ? null : parseCpuTimes(stat);
};

const FREQUENCY = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq';

const frequencyMhz = (): number | null => {
  const text = read(FREQUENCY);
  return text === null ? null : Number(text) / 1000;
};

/** What others did to the processors during a run. */
export interface Disturbance {
  /** The part of the time that the host took from this virtual machine, 0 to 1; null when it is not told. */
  readonly stealShare: number | null;
  /** The part of it in which they worked for others than this process and its children, the kernel's own threads included. */
  readonly othersShare: number | null;
  /** The frequency of the first processor before and after; null when it is not told. */
  readonly frequencyMhz: readonly [before: number, after: number] | null;
}

/** A part of fewer ticks than these is as likely to be of one tick too many. */
const LEAST_TICKS = 20;

/** Begins to look; the function that is returned tells what happened until then. */
export const watchNeighbours = (): (() => Disturbance) => {
  const [before, ownBefore, frequencyBefore] = [cpuTimes(), ownTicks(), frequencyMhz()];
  return () => {
    const [after, ownAfter, frequencyAfter] = [cpuTimes(), ownTicks(), frequencyMhz()];
    const share = (ticks: (from: CpuTimes, to: CpuTimes) => number): number | null =>
      before === null || after === null || after.all - before.all < LEAST_TICKS
        ? null
        : Math.max(0, ticks(before, after)) / (after.all - before.all);
    return {
      stealShare: share((from, to) => to.steal - from.steal),
      othersShare: share((from, to) => to.busy - from.busy - (ownAfter - ownBefore)),
      frequencyMhz: frequencyBefore === null || frequencyAfter === null ? null : [frequencyBefore, frequencyAfter],
    };
  };
};
