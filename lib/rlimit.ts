/** Resource limits by name, as in asm-generic/resource.h. */
export const RLIMITS = {
  RLIMIT_CPU: 0,
  RLIMIT_FSIZE: 1,
  RLIMIT_DATA: 2,
  RLIMIT_STACK: 3,
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_LOCKS: 10,
  RLIMIT_SIGPENDING: 11,
  RLIMIT_MSGQUEUE: 12,
  RLIMIT_NICE: 13,
  RLIMIT_RTPRIO: 14,
  RLIMIT_RTTIME: 15,
} as const;

/** A resource limit, by the name that getrlimit(2) has for it. */
export type RlimitName = keyof typeof RLIMITS;

/** A limit's value, in the unit of getrlimit(2): bytes, seconds, a count. */
export type RlimitValue = number | 'unlimited';

/** Both limits, or one value for both. */
export type Rlimit = RlimitValue | { readonly soft: RlimitValue; readonly hard: RlimitValue };

/** A limit to be set; null stands for unlimited. */
export interface RlimitPlan {
  readonly name: RlimitName;
  readonly soft: number | null;
  readonly hard: number | null;
}
