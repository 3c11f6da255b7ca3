import { analyse } from '../../bench/analysis.ts';
import { chooseCases } from '../../bench/cases/choose.ts';
import { parseFlagSet, withoutPrivilege } from '../../bench/cases/flag-set.ts';
import type { Series } from '../../bench/measure/rounds.ts';
import type { BenchRun } from '../../bench/run.ts';
import { seededRandom } from '../../bench/statistics/random.ts';
import { findWarnings } from '../../bench/warnings.ts';

const ROUNDS = 40;

/** Nobody in the way. */
export const QUIET = { stealShare: 0, othersShare: 0, frequencyMhz: null };

/** What a fixed run may differ in. */
export interface FixedSpec {
  readonly privileged?: boolean;
  readonly ended?: BenchRun['rounds']['ended'];
}

/** Forty made-up rounds of none, uts and net, in which net is refused to the backend; the same every time. */
export const fixedRun = ({ privileged = true, ended = 'complete' }: FixedSpec = {}): BenchRun => {
  const sets = ['uts', 'net'].map((text) => parseFlagSet(text)._unsafeUnwrap());
  const cases = chooseCases({
    sets,
    backends: [{ name: 'ffi', timesItself: true }],
    peers: true,
    privileged,
    others: [],
    oneWay: false,
  });
  const random = seededRandom(11);
  const around = (floorUs: number): number[] =>
    Array.from({ length: ROUNDS }, () => Math.round(floorUs * 1000 * (1 - 0.05 * Math.log(1 - random()))));
  const series = new Map(
    cases.map(({ id, way, set }, index): [string, Series] => {
      const floor = 100 + 10 * set.namespaces.length;
      if (way.type === 'spawn' && set.name.startsWith('net')) {
        const message = 'Set-up failed at unshare: unshare(CLONE_NEWNET): ENOSPC: no more of them here';
        return [id, { samples: {}, refused: { type: 'setup-failed', message } }];
      }
      const samples =
        way.type === 'program'
          ? { cloneNs: around(floor / 4), totalNs: around(floor * 8) }
          : { exitKnownNs: around(floor * (20 + index)), blockedNs: around(floor * 5) };
      return [id, { samples, refused: null }];
    }),
  );
  const rounds = { rounds: ROUNDS, ended, series };
  const context: BenchRun['context'] = {
    kernel: '6.18.44',
    architecture: 'x64',
    kernelBuild: '#1 SMP PREEMPT_DYNAMIC',
    kernelConfig: { HZ: '250', PREEMPT: 'y' },
    lsm: 'capability,yama',
    cgroupVersion: 2,
    cpu: { model: 'A Processor @ 2.80GHz', count: 2, microcode: '0x1', governor: null },
    node: 'v20.20.2',
    loadAverage: [1.5, 0.75, 0.25],
    virtualization: 'virtual machine',
    mitigations: { mitigated: ['spectre_v1', 'spectre_v2'], vulnerable: ['mds'], notAffected: ['l1tf'], unknown: [] },
    uid: privileged ? 0 : 1000,
    privileged,
    backends: [
      { name: 'ffi', available: true, line: 'system calls through ffi-rs' },
      { name: 'shell', available: false, line: 'unshare was not found' },
    ],
    peers: [],
  };
  const options = {
    iterations: ROUNDS,
    warmup: 5,
    mostMs: null,
    peers: true,
    others: [],
    lattice: false,
    phases: false,
    axes: [],
    seed: 11,
    command: '/bin/true',
    args: [],
  };
  const tables = analyse(cases, rounds, true, seededRandom(11));
  return {
    startedAt: new Date('2026-01-02T03:04:05Z'),
    options: { ...options, sets: privileged ? sets : sets.map(withoutPrivilege) },
    context,
    cases,
    rounds,
    warmup: 5,
    disturbance: QUIET,
    tables,
    marginal: [],
    phases: [],
    scaling: [],
    warnings: findWarnings(
      context,
      { asked: ROUNDS, rounds: ROUNDS, ended, levels: [], disturbance: QUIET, tails: true },
      tables,
    ),
  };
};
