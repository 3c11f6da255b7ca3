import { readFileSync } from 'node:fs';

/** What the processors did since the machine was started, in ticks. */
interface CpuTimes {
  readonly all: number;
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
  return { all: times.reduce((sum, time) => sum + time, 0), steal };
};

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
  /** The frequency of the first processor before and after; null when it is not told. */
  readonly frequencyMhz: readonly [before: number, after: number] | null;
}

/** Begins to look; the function that is returned tells what happened until then. */
export const watchNeighbours = (): (() => Disturbance) => {
  const [before, frequencyBefore] = [cpuTimes(), frequencyMhz()];
  return () => {
    const [after, frequencyAfter] = [cpuTimes(), frequencyMhz()];
    const ticks = before === null || after === null ? 0 : after.all - before.all;
    return {
      stealShare: before === null || after === null || ticks <= 0 ? null : (after.steal - before.steal) / ticks,
      frequencyMhz: frequencyBefore === null || frequencyAfter === null ? null : [frequencyBefore, frequencyAfter],
    };
  };
};
