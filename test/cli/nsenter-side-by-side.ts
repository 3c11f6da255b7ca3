// Every line of nsenter-lines.ts by nsenter(1) and by ns-enter, as whoever runs this, on a target that they share.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { spawn } from '../../lib/index.ts';
import { toolPath, unmet } from '../contract/caller.ts';
import { compareAll } from './comparing.ts';
import type { Line } from './lines.ts';
import { NSENTER_LINES, STANDS_FOR } from './nsenter-lines.ts';

t.setTimeout(240_000);

const dir = mkdtempSync(join(tmpdir(), 'ns-enter-'));
const target = await spawn('sleep', ['600'], {
  namespaces: ['user', 'pid', 'mnt', 'uts', 'ipc', 'net', 'cgroup'],
  mapRootUser: true,
  mountProc: true,
  hostname: 'zion',
  env: { PATH: process.env['PATH'], RABBIT: 'white' },
  stdio: 'ignore',
});

const filled = (word: string, pid: number): string =>
  word.replace(STANDS_FOR.pid, String(pid)).replace(STANDS_FOR.dir, dir);

if (target.isErr()) {
  t.pass('ns-enter beside nsenter', { skip: unmet('user-namespaces') ?? target.error.message });
} else {
  const { pid } = target.value;
  const lines = NSENTER_LINES.map((line): Line => ({ ...line, argv: line.argv.map((word) => filled(word, pid)) }));
  await compareAll(
    {
      tool: 'nsenter',
      name: 'ns-enter',
      ours: [process.execPath, fileURLToPath(new URL('../../published/ns-enter.js', import.meta.url))],
      takesUser: /^-U|^--user/,
      entersNothing: spawnSync(toolPath('nsenter') ?? '', ['true']).status === 0,
    },
    lines,
  );
  await target.value[Symbol.asyncDispose]();
}
rmSync(dir, { recursive: true });
