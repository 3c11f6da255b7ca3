import { ERRNO } from '../../lib/errno.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { registeredFormats } from './binfmt.ts';
import { executable } from './executable.ts';
import { errnoIn } from './parse.ts';
import type { Talk } from './talk.ts';

/** What the last stage found at a path. */
interface Look {
  readonly type: 'file' | 'denied' | 'missing';
  /** The first bytes, as far as they may be read. */
  readonly head: Buffer | null;
}

/** What came of the search: what to say to the last stage, or the errno that its exec would give. */
export type Found =
  | { readonly type: 'go'; readonly answer: string }
  | { readonly type: 'refused'; readonly errno: number };

/** The search of the shell itself is to do. */
const PLAIN_GO: Found = { type: 'go', answer: 'go' };

const isHex = (line: string): boolean => /^( [0-9a-f]{2})+ *$/.test(line);

const toBytes = (text: string): string => Buffer.from(text).toString('latin1');

/** Asks the last stage, and collects its answer until one of these lines ends it; null when the stage has gone. */
const askStage = async (talk: Talk, question: string, ends: readonly string[]): Promise<readonly string[] | null> => {
  talk.say(question);
  const heard: string[] = [];
  for (;;) {
    const line = await talk.next();
    if (line === null) return null;
    heard.push(line);
    if (ends.includes(line)) return heard;
  }
};

const LOOKS = ['file', 'denied', 'missing'] as const;

const look = async (talk: Talk, path: string): Promise<Look | null> => {
  const heard = await askStage(talk, `look ${path}`, LOOKS);
  if (heard === null) return null;
  const lines = heard.slice(0, -1);
  const hex = lines.join('').replaceAll(' ', '');
  return {
    type: LOOKS.find((type) => type === heard.at(-1)) ?? 'missing',
    // What od says instead of bytes is that it may not read them.
    head: lines.every(isHex) ? Buffer.from(hex, 'hex') : null,
  };
};

/** The errno of a path where nothing is. */
const whyMissing = async (talk: Talk, path: string): Promise<number> => {
  const heard = await askStage(talk, `why ${path}`, ['so']);
  return ERRNO[errnoIn((heard ?? []).slice(0, -1).join('\n')) ?? 'ENOENT'];
};

/** How often the kernel goes on from one `#!` to the next. */
const MOST_INTERPRETERS = 5;

/** The errno that execve(2) gives for a file that is there; null when nothing speaks against it. */
const objection = async (talk: Talk, path: string, first: Look): Promise<number | null> => {
  const formats = registeredFormats();
  let [name, seen] = [path, first];
  for (let depth = 0; depth <= MOST_INTERPRETERS; depth += 1) {
    // A file that may be executed and not read is the kernel's to judge.
    if (seen.head === null) return null;
    const verdict = executable(seen.head, name, formats);
    if (verdict.type === 'no-format') return ERRNO.ENOEXEC;
    if (verdict.type === 'unclear' || verdict.interpreter === null) return null;
    name = verdict.interpreter.toString('latin1');
    if (name.includes('\n')) return null;
    const next = await look(talk, name);
    if (next === null) return null;
    if (next.type === 'denied') return ERRNO.EACCES;
    if (next.type === 'missing') return whyMissing(talk, name);
    seen = next;
  }
  return null;
};

/** Errors that only mean that the command is not in this directory. */
const ABSENT: readonly number[] = [ERRNO.ENOENT, ERRNO.ENOTDIR];

/**
 * Searches the command as execvp(3) does, where the last stage is, and looks whether the kernel would run it.
 *
 * @remarks A shell would run a file of no format as a script of its own, and would say on the command's stderr what it
 * cannot exec. So it is told to exec only what nothing speaks against.
 */
export const searchCommand = async (plan: SpawnPlan, talk: Talk): Promise<Found> => {
  const command = toBytes(plan.command);
  const paths = command.includes('/') ? [command] : plan.searchPath.map((dir) => `${toBytes(dir)}/${command}`);
  // A line cannot say such a path.
  if (paths.some((path) => path.includes('\n'))) return PLAIN_GO;
  const errnos: number[] = [];
  for (const path of paths) {
    const seen = await look(talk, path);
    // The stage has gone: what it left is told elsewhere.
    if (seen === null) return PLAIN_GO;
    if (seen.type === 'missing') continue;
    const errno = seen.type === 'file' ? await objection(talk, path, seen) : ERRNO.EACCES;
    if (errno === null) return { type: 'go', answer: `go ${path}` };
    if (errno !== ERRNO.EACCES && !ABSENT.includes(errno)) return { type: 'refused', errno };
    errnos.push(errno);
  }
  // Nothing to run: now it is worth asking what was wrong with each directory.
  for (const path of paths) errnos.push(await whyMissing(talk, path));
  const last = paths.length === 1 ? errnos[0] : undefined;
  return { type: 'refused', errno: errnos.includes(ERRNO.EACCES) ? ERRNO.EACCES : (last ?? ERRNO.ENOENT) };
};
