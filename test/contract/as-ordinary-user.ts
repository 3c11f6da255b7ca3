// Runs a program of this project as uid and gid 65534, without groups: `node as-ordinary-user.js PROGRAM ARGS...`.
//
// That user may be unable to reach the project, or Node itself: below a home directory that is closed, say. Then both
// are bound to a directory that it can reach, in a mount namespace of their own.
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const NOBODY = { uid: 65_534, gid: 65_534 } as const;
const STAGED = 'NS_CONTRACT_STAGED';

const [program = '', ...args] = process.argv.slice(2);
const self = fileURLToPath(import.meta.url);
const project = fileURLToPath(new URL('../../..', import.meta.url));

// The directory for temporary files may be root's own.
const { TMPDIR: _, [STAGED]: staged, ...env } = process.env;

const skip = (reason: string): void => console.log(`1..0 # SKIP ${reason}`);

const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
  process.exitCode = code ?? 1;
  if (signal !== null) console.error(`Ended by ${signal}`);
};

/** Why that user cannot run the program; null when it can. */
const obstacle = (): string | null => {
  const { error, status, stderr } = spawnSync(process.execPath, ['--check', program], {
    ...NOBODY,
    env,
    encoding: 'utf8',
  });
  if (error !== undefined) return error.message;
  return status === 0 ? null : stderr.trim();
};

const onStage = (): void => {
  const stage = mkdtempSync('/tmp/ns-contract-stage-');
  chmodSync(stage, 0o755);
  mkdirSync(join(stage, 'project'));
  writeFileSync(join(stage, 'node'), '');
  const script =
    'mount --bind "$1" "$3/project" && mount --bind "$2" "$3/node" && cd "$3/project" && shift 3 && exec "$@"';
  const there = (path: string): string => join(stage, 'project', relative(project, path));
  const command = [join(stage, 'node'), there(self), there(program), ...args];
  const sh = ['sh', '-c', script, 'sh', project, process.execPath, stage, ...command];
  spawn('unshare', ['-m', '--propagation', 'private', ...sh], { stdio: 'inherit', env: { ...env, [STAGED]: '1' } })
    .on('error', ({ message }) => skip(`uid ${NOBODY.uid} cannot reach the project, nor be helped: ${message}`))
    .on('exit', finish)
    .on('close', () => rmSync(stage, { recursive: true, force: true }));
};

const why = obstacle();
if (why === null) {
  spawn(process.execPath, [program, ...args], { ...NOBODY, stdio: 'inherit', env }).on('exit', finish);
} else if (staged === undefined) {
  onStage();
} else {
  skip(`uid ${NOBODY.uid} cannot run here: ${why}`);
}
