import { err, ok, type Result } from 'neverthrow';
import { quote } from './quote.ts';
import { type StageProcess, startStages } from './run.ts';
import { type Shell, shellWords } from './shells.ts';
import { talkOn } from './talk.ts';

/** Processes of a pipeline, each of which holds a pipe until it is let go. */
export interface Holders {
  readonly pids: readonly number[];
  /** Lets them end, and waits until they have. */
  readonly release: () => Promise<void>;
}

/** The fd of our socket. */
const CONTROL = 3;

/** Where a holder keeps its pipe: at fd 0 the shell puts the socket while it reads from it. */
export const HELD_FD = 4;

/** Says who it is, and waits for our end of the socket to be closed. */
const HOLD = `exec ${HELD_FD}<&0; printf '%s\\n' "$$" >&${CONTROL}; IFS= read -r ns_line <&${CONTROL}`;

const pipeline = (shell: Shell, count: number): string => {
  const holder = shellWords(shell, HOLD).map(quote).join(' ');
  return [`IFS= read -r ns_line <&${CONTROL}`, ...Array.from({ length: count }, () => holder)].join(' | ');
};

/** A pipeline that is being set up. */
export interface HoldersToCome {
  readonly holders: Promise<Result<Holders, number>>;
  /** Ends it before its time. */
  readonly hangUp: () => void;
  readonly setRef: (ref: boolean) => void;
}

const collect = async (
  process: StageProcess,
  talk: ReturnType<typeof talkOn>,
  count: number,
): Promise<Result<Holders, number>> => {
  const release = async (): Promise<void> => {
    talk.hangUp();
    await process.ended;
    talk.close();
  };
  const pids: number[] = [];
  while (pids.length < count) {
    const line = await talk.next();
    if (line === null) {
      await release();
      return err(0);
    }
    pids.push(Number(line));
  }
  return ok({ pids, release });
};

/**
 * Starts a pipeline for the sake of its pipes, which have no name and so are like those of pipe(2) in everything.
 *
 * @returns what is to come: the holders, or the errno for which there are none, 0 when nobody said one
 */
export const startHolders = (shell: Shell, count: number): HoldersToCome => {
  const started = startStages(
    {
      stages: [[...shellWords(shell, pipeline(shell, count))]],
      env: { LC_ALL: 'C' },
      shell,
      stdio: [{ type: 'ignore' }, { type: 'ignore' }, { type: 'pipe' }, { type: 'pipe' }],
      stderr: 2,
      control: CONTROL,
      detached: false,
      forks: false,
    },
    new Map(),
  );
  if (started.isErr()) {
    return { holders: started.error.then((errno) => err(errno)), hangUp: () => undefined, setRef: () => undefined };
  }
  const process = started.value;
  const talk = talkOn(process.control);
  // What a shell may say here is told by its silence on the socket.
  process.murmur.on('error', () => process.murmur.destroy()).resume();
  return {
    holders: collect(process, talk, count),
    hangUp: talk.hangUp,
    setRef: (ref) => {
      process.setRef(ref);
      talk.setRef(ref);
    },
  };
};
