import type { StdioPlan } from '../../lib/plan.ts';
import type { Shell } from './shells.ts';

/** The exact command line of a spawn, and how its fds lie. */
export interface CommandLine {
  /** The words of each stage; each stage execs the next, the last becomes the command. */
  readonly stages: readonly (readonly string[])[];
  readonly env: Readonly<Record<string, string>>;
  /** The shell of the stages that are scripts. */
  readonly shell: Shell;
  /** By fd of the first stage. fd 2 is what the tools say. */
  readonly stdio: readonly StdioPlan[];
  /** The fd where the command's stderr waits. */
  readonly stderr: number;
  /** The fd of the socket on which the stages and we talk. */
  readonly control: number;
  readonly detached: boolean;
  /** unshare(1) stays as the command's parent. */
  readonly forks: boolean;
}
