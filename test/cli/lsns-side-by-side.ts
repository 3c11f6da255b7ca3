// Lines by lsns(8) and by ns-ls, in a pid namespace of their own, where nothing changes between the two.
import { execFileSync, spawn as spawnProcess, spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { withoutRunner } from '../without-runner.ts';

t.setTimeout(120_000);

const nsLs = [process.execPath, fileURLToPath(new URL('../../published/ns-ls.js', import.meta.url))];

/** Processes to be listed; the first of them is in namespaces of its own. */
const sleepers = [
  spawnProcess('unshare', ['-U', '-r', '-n', '-u', 'sleep', '600'], { stdio: 'ignore' }),
  spawnProcess('unshare', ['-i', 'sleep', '600'], { stdio: 'ignore' }),
  spawnProcess('unshare', ['-n', 'sleep', '601'], { stdio: 'ignore' }),
];

const inodeOf = (pid: number | undefined, type: string): string => String(statSync(`/proc/${pid}/ns/${type}`).ino);

// unshare has made its namespaces once it has become sleep.
for (const { pid } of sleepers) {
  while (execFileSync('cat', [`/proc/${pid}/comm`], { encoding: 'utf8' }).trim() !== 'sleep') {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const [first, second, third] = sleepers.map(({ pid }) => pid);

const LINES: readonly (readonly string[])[] = [
  [],
  ['-l'],
  ['--list'],
  ['-J'],
  ['--json', '-l'],
  ['-r'],
  ['--raw', '-l'],
  ['-n'],
  ['--noheadings', '-l'],
  ['-u'],
  ['-W'],
  ['-t', 'net'],
  ['--type', 'net', '-l'],
  ['-t', 'net', '-J'],
  ['-t', 'mnt'],
  ['-t', 'uts', '-r'],
  ['-t', 'ipc', '-n'],
  ['-t', 'pid'],
  ['-t', 'cgroup'],
  ['-t', 'time'],
  ['-t', 'user', '-t', 'pid'],
  ['-t', 'user', '-J'],
  ['-Towner'],
  ['-Tparent'],
  ['-Tprocess'],
  ['-T'],
  ['--tree=owner', '-n'],
  ['--tree', '-r'],
  ['-J', '-Towner'],
  ['-J', '-Tparent'],
  ['-p', '1'],
  ['-p', String(first)],
  ['--task', String(second), '-J'],
  ['--task', String(third), '-r'],
  ['-p', '1', '-t', 'net'],
  ['-p', '9999999'],
  ['-o', 'NS'],
  ['-o', 'NS,TYPE,PATH,PPID,UID'],
  ['-o', 'ns,pid,user'],
  ['-o', '+PNS,ONS'],
  ['-o', '+NETNSID,NSFS', '-l'],
  ['-r', '-o', '+PNS,ONS,NETNSID,NSFS'],
  ['-J', '-o', 'NS,NETNSID,PNS,ONS,PPID,UID,PATH'],
  ['-t', 'net', '-o', 'NSFS,NS,COMMAND'],
  ['-o', 'COMMAND'],
  ['-o', 'COMMAND,NS', '-l'],
  ['-o', 'UID,PID,TYPE', '-t', 'net'],
  [inodeOf(first, 'net')],
  [inodeOf(second, 'ipc')],
  [inodeOf(third, 'net'), '-l'],
  [inodeOf(first, 'user'), '-J'],
  ['-n', inodeOf(first, 'uts')],
  [inodeOf(first, 'uts'), '-o', 'NS,TYPE,PID,NPROCS'],
  [inodeOf(process.pid, 'pid'), '-l'],
  [inodeOf(process.pid, 'uts'), '-r'],
  ['12345'],
  ['no-number'],
  ['-t', 'network'],
  ['-o', 'NETWORK'],
  ['-T', 'stray'],
  ['-Tstray'],
  ['-J', '-r'],
  ['-p', 'one'],
  ['-p', '1', inodeOf(process.pid, 'uts')],
  ['--no-such-option'],
  ['-o'],
];

/** What a tool printed, without its own process. */
const outcome = (program: readonly string[], args: readonly string[]): { code: number | null; stdout: unknown } => {
  const [file = '', ...rest] = withoutRunner(...program, ...args);
  const { status, stdout } = spawnSync(file, rest, { encoding: 'utf8' });
  const isOwn = (text: string): boolean =>
    /(^|\/| |[`|]-)(lsns|ns-ls\.js)( |$)/m.test(text.replace(/\\x[0-9a-f]{2}/g, ' '));
  if (!stdout.startsWith('{')) {
    const lines = stdout.split('\n').filter((line) => !isOwn(line));
    // The line of the tool itself is the last child of what is above it.
    return { code: status, stdout: lines.map((line) => line.replace('├─', '└─').replace('|-', '`-')).join('\n') };
  }
  const strip = (value: unknown): unknown => {
    if (Array.isArray(value)) {
      return value.filter((entry) => !(typeof entry?.command === 'string' && isOwn(entry.command))).map(strip);
    }
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, strip(inner)]))
      : value;
  };
  return { code: status, stdout: strip(JSON.parse(stdout)) };
};

const { stdout: help } = spawnSync('lsns', ['--help'], { encoding: 'utf8' });
for (const line of LINES) {
  const title = `ns-ls ${line.join(' ')}`;
  if (line.some((word) => word.startsWith('-T') || word.startsWith('--tree')) && !help.includes('--tree')) {
    t.pass(title, { skip: 'the installed lsns has no --tree' });
    continue;
  }
  const [theirs, ours] = [outcome(['lsns'], line), outcome(nsLs, line)].map((said) => {
    // Since 2.41, whose help has no list of columns, headings that are not printed take their room.
    const isWider = !help.includes('ONS') && line.some((word) => word === '-n' || word === '--noheadings');
    return isWider ? { ...said, stdout: String(said?.stdout).replace(/ +/g, ' ').replace(/^ /gm, '') } : said;
  });
  t.strictSame(ours, theirs, `${title} is what lsns does (exit code ${theirs?.code})`);
}
for (const sleeper of sleepers) sleeper.kill('SIGKILL');
