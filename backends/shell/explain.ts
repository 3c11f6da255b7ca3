import { explainWrite, mapWrites } from '../../lib/id-map-helper.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import type { CommandLine } from './command-line.ts';
import { quote } from './quote.ts';

const describeFds = ({ stdio, stderr, control }: CommandLine): string => {
  const fds = stdio.map((entry, fd) => {
    if (fd === 2) return '2 what the tools say';
    if (fd === control) return `${fd} the socket on which they talk with this process`;
    const what =
      entry.type === 'fd' ? `fd ${entry.fd} of this process` : entry.type === 'ignore' ? '/dev/null' : 'a pipe';
    return fd === stderr ? `${fd} ${what}, the command's stderr` : `${fd} ${what}`;
  });
  return `fds: ${fds.join('; ')}`;
};

const describeEnvironment = ({ env }: CommandLine): string => {
  const names = Object.keys(env).filter((name) => name !== 'LC_ALL');
  return `environment: LC_ALL=C, and of the command's variables ${names.length === 0 ? 'none' : names.map(quote).join(' ')}`;
};

const meanwhile = (plan: SpawnPlan): readonly string[] =>
  mapWrites(plan.idMap).map((write) => `while ns-set-up waits, this process ${explainWrite(write)}`);

/** The command line for a person to read, and for sh(1) to read back, one stage a paragraph. */
export const explainLine = (plan: SpawnPlan, line: CommandLine): string => {
  const notes = [
    describeFds(line),
    describeEnvironment(line),
    ...(line.detached ? ['in a session of its own, see setsid(2)'] : []),
    ...meanwhile(plan),
  ];
  const stages = line.stages.map((words) => words.map(quote).join(' '));
  return [...notes.map((note) => `# ${note}`), stages.join(' \\\n  ')].join('\n');
};
