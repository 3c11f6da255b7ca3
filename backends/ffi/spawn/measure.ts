import { err, ok, type Result } from 'neverthrow';
import type { SpawnTiming } from '../../../lib/backend.ts';
import { type ExitLost, exitLost, type LaunchError, unsupported } from '../../../lib/errors.ts';
import { exitStatus } from '../../../lib/exit.ts';
import type { SpawnPlan } from '../../../lib/plan.ts';
import type { Host } from '../host.ts';
import type { ProgramBuilder } from '../program/builder.ts';
import { RECORD } from '../program/layout.ts';
import { readUsage } from '../reaper.ts';
import { carrierKilled, childFailed } from './failure.ts';
import { launchPlan } from './launch.ts';
import type { Measurement } from './launch-program.ts';
import { RECORD_KIND, readStatus } from './records.ts';

const nanoseconds = (program: ProgramBuilder, from: number, to: number): number =>
  (program.read64(to) - program.read64(from)) * 1e9 + program.read64(to + 8) - program.read64(from + 8);

const reportOf = (program: ProgramBuilder, { first, report, read }: Measurement): Buffer => {
  const rest = program.bytesAt(report, Math.max(program.result(read), 0));
  return first === null ? rest : Buffer.concat([program.bytesAt(first, RECORD.size), rest]);
};

/** Does one spawn from clone to reaping in a single run. */
export const measure = (host: Host, plan: SpawnPlan): Result<SpawnTiming, LaunchError | ExitLost> => {
  // How the command ended is told to who has time to listen.
  if (plan.init) return err(unsupported('ffi', 'measuring with init', 'a spec without it, or a clock around run()'));
  return launchPlan(host, plan, true).andThen(({ compiled, pid }): Result<SpawnTiming, LaunchError | ExitLost> => {
    const { launch, child, slots } = compiled;
    const { measurement } = slots;
    if (measurement === null) return err(exitLost(pid));
    const { failure, ready, candidates } = readStatus(reportOf(launch, measurement));
    const status = exitStatus(launch.read32(measurement.waitStatus), readUsage(launch, measurement.rusage));
    if (failure !== null) {
      const op = (failure.kind === RECORD_KIND.childFailed ? child : launch).ops[failure.op];
      if (op === undefined) return err(carrierKilled('sent a report that cannot be read'));
      return err(childFailed(plan, op, failure.errno, candidates));
    }
    if (!ready && !compiled.isReady())
      return err(carrierKilled(status.type === 'killed' ? `was killed by ${status.signal}` : 'ended'));
    const [before, cloned, reaped] = measurement.clock;
    return ok({
      cloneNs: nanoseconds(launch, before, cloned),
      totalNs: nanoseconds(launch, before, reaped),
      status,
    });
  });
};
