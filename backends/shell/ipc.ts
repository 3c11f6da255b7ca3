import { err, ok, Result } from 'neverthrow';
import { ERRNO } from '../../lib/errno.ts';
import { type Unsupported, unsupported } from '../../lib/errors.ts';
import { IPC_FILES, type IpcAnswer, type IpcRequest, SHARED_MEMORY_DIRECTORY } from '../../lib/ipc.ts';
import type { SpawnPlan } from '../../lib/plan.ts';
import { errnoInAny } from './parse.ts';
import { quote } from './quote.ts';
import type { Tools } from './tools.ts';

type OfMemory<Type extends IpcRequest['type']> = Extract<IpcRequest, { type: Type }>;

const octal = (mode: number): string => `0${mode.toString(8)}`;

const NO_KEY = unsupported('shell', 'a key of your own', 'ipcmk(1) with a key, which there is none; ffi does');

const create = (
  words: readonly string[],
  key: number | null,
  mode: number,
  { ipcmk }: Tools,
): Result<string, Unsupported> => {
  if (key !== null) return err(NO_KEY);
  return ipcmk === null
    ? err(unsupported('shell', 'creating IPC objects', 'ipcmk(1) of util-linux'))
    : ok([ipcmk, ...words, '-p', octal(mode)].map(quote).join(' '));
};

const remove = (letter: string, id: number, { ipcrm }: Tools): Result<string, Unsupported> =>
  ipcrm === null
    ? err(unsupported('shell', 'removing IPC objects', 'ipcrm(1) of util-linux'))
    : ok([ipcrm, letter, String(id)].map(quote).join(' '));

const LIST = IPC_FILES.map((path) => `cat ${quote(path)} 2>/dev/null; printf '\\000'`).join('; ');

const memoryPath = (name: string): string => quote(`${SHARED_MEMORY_DIRECTORY}${name}`);

/** What is there already, a link that leads nowhere included, is no new object; what has no size yet is not left behind. */
const createPosixMemory = ({ name, mode, sizeBytes }: OfMemory<'posix-memory-create'>): string => {
  const path = memoryPath(name);
  const there = `[ -e ${path} ] || [ -L ${path} ]`;
  const made = `(umask 077; set -C; : > ${path})`;
  const sized = `truncate -s ${sizeBytes} ${path} && chmod ${octal(mode)} ${path}`;
  return `if ${there}; then echo 'File exists'; false; elif ${made}; then ${sized} || { rm -f ${path}; false; }; else false; fi`;
};

/** Names, each with a slash behind it: it is the one character besides NUL that no name has. */
const LIST_MEMORY = [
  `if [ ! -d ${quote(SHARED_MEMORY_DIRECTORY)} ]; then echo 'No such file or directory'; false; else`,
  `(cd ${quote(SHARED_MEMORY_DIRECTORY)} && for name in * .*; do`,
  `if [ -f "$name" ] && [ ! -L "$name" ]; then printf '%s/' "$name"; fi; done); fi`,
].join(' ');

const commandOf = (request: IpcRequest, tools: Tools): Result<string, Unsupported> => {
  switch (request.type) {
    case 'queue-create':
      return create(['-Q'], request.key, request.mode, tools);
    case 'semaphore-create':
      return create(['-S', String(request.count)], request.key, request.mode, tools);
    case 'memory-create':
      return create(['-M', String(request.sizeBytes)], request.key, request.mode, tools);
    case 'queue-remove':
      return remove('-q', request.id, tools);
    case 'semaphore-remove':
      return remove('-s', request.id, tools);
    case 'memory-remove':
      return remove('-m', request.id, tools);
    case 'list':
      return ok(LIST);
    case 'posix-memory-create':
      return ok(createPosixMemory(request));
    case 'posix-memory-remove':
      return ok(`rm ${memoryPath(request.name)}`);
    case 'posix-memory-list':
      return ok(LIST_MEMORY);
    case 'posix-memory-stat':
      return ok(`stat -c '%f %s %b %B %u %g %Y' ${memoryPath(request.name)}`);
    default:
      return err(unsupported('shell', `"${request.type}"`, 'the system call itself, which no tool makes; ffi does'));
  }
};

/** The plan whose command does what is asked for, one tool after the other. */
export const ipcPlan = (
  plan: SpawnPlan,
  requests: readonly IpcRequest[],
  tools: Tools,
): Result<SpawnPlan, Unsupported> =>
  Result.combine(requests.map((request) => commandOf(request, tools))).andThen((commands) => {
    const [shell] = tools.shells;
    if (shell === undefined) return err(unsupported('shell', 'IPC', 'a shell'));
    const script = commands.map((command) => `{ ${command}; } 2>&1; printf '\\000%s\\000' "$?"`).join('\n');
    const env = [`PATH=${process.env['PATH'] ?? '/usr/bin:/bin'}`, 'LC_ALL=C'];
    return ok({ ...plan, command: shell.path, argv: ['sh', '-c', script], env, searchPath: [], ipc: null });
  });

/** ipcrm(1) has words of its own. */
const errnoOf = (text: string): number => {
  if (/invalid id|invalid key|already removed/.test(text)) return ERRNO.EINVAL;
  if (/permission denied/i.test(text)) return ERRNO.EACCES;
  // What dash(1) says of a file whose directory is not there.
  if (/Directory nonexistent/.test(text)) return ERRNO.ENOENT;
  // What bash(1) says of a file that is not to be written over.
  if (/cannot overwrite existing file/.test(text)) return ERRNO.EEXIST;
  const errno = errnoInAny(text);
  return errno === null ? ERRNO.EIO : ERRNO[errno];
};

/** What came of the requests; null when it is not all there. */
export const decodeIpc = (requests: readonly IpcRequest[], bytes: Buffer): readonly IpcAnswer[] | null => {
  let at = 0;
  const text = (): Buffer | null => {
    const end = bytes.indexOf(0, at);
    if (end === -1) return null;
    const taken = bytes.subarray(at, end);
    at = end + 1;
    return taken;
  };
  const answers: IpcAnswer[] = [];
  for (const request of requests) {
    const texts: Buffer[] = [];
    const count = request.type === 'list' ? IPC_FILES.length : 0;
    for (let index = 0; index < count; index += 1) {
      const part = text();
      if (part === null) return null;
      texts.push(part, Buffer.from([0]));
    }
    const said = text();
    const status = text();
    if (said === null || status === null) return null;
    const words = said.toString('utf8').trim();
    const id = Number(/id: (\d+)$/.exec(words)?.[1] ?? 0);
    const done = status.toString('latin1') === '0';
    const asked = request.type === 'posix-memory-list' || request.type === 'posix-memory-stat';
    const told = asked && done;
    const bytes = told ? said : Buffer.concat(texts);
    const result = done ? (told ? 0 : id) : -errnoOf(words);
    answers.push({ result, call: told ? request.type : words || request.type, bytes, tag: 0 });
  }
  return answers;
};
