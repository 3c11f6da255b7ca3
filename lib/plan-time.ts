import { err } from 'neverthrow';
import { all, type Checked, NOTHING, needs, optional } from './checks.ts';
import { invalidOption } from './errors.ts';
import type { NamespaceType } from './namespace.ts';
import type { ClockOffset, TimeOffsetsPlan } from './plan.ts';
import type { SpawnSpec, TimeOffset } from './spec.ts';

/** Beyond it the kernel says ERANGE: half of the seconds that its clocks can count. */
const MOST_SECONDS = 4_611_686_018;

const isWhole = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most;

const planOffset = (
  option: 'monotonic' | 'boottime',
  value: TimeOffset,
  types: ReadonlySet<NamespaceType>,
): Checked<ClockOffset> => {
  const { seconds, nanoseconds = 0 } =
    typeof value === 'object' && value !== null ? value : { seconds: value, nanoseconds: 0 };
  if (!isWhole(seconds, -MOST_SECONDS, MOST_SECONDS) || !isWhole(nanoseconds, 0, 999_999_999)) {
    const wanted = `whole seconds (at most ${MOST_SECONDS} either way), or seconds and nanoseconds (0 to 999999999)`;
    return err(invalidOption(option, value, wanted));
  }
  return needs(option, value, types, 'time').map(() => ({ seconds, nanoseconds }));
};

/** Checks the offsets of a new time namespace; null without any. */
export const planTimeOffsets = (
  { monotonic, boottime }: SpawnSpec,
  types: ReadonlySet<NamespaceType>,
): Checked<TimeOffsetsPlan | null> =>
  monotonic === undefined && boottime === undefined
    ? NOTHING
    : all<TimeOffsetsPlan>({
        monotonic: optional(monotonic, (value) => planOffset('monotonic', value, types)),
        boottime: optional(boottime, (value) => planOffset('boottime', value, types)),
      });
