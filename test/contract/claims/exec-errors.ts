import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { run, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { ending, finished } from '../inside.ts';
import { failure } from '../outcome.ts';
import { scratch, script } from '../scratch.ts';

export const execErrors: readonly Claim[] = [
  {
    title: 'a name that is in no directory of PATH is exec-failed with ENOENT: command not found',
    run: async (t, backend) => {
      const error = await failure(
        spawn('ns-contract-no-such-command', [], { backend, env: { PATH: '/bin:/usr/bin' } }),
        'exec-failed',
      );
      t.strictSame([error.errno, error.reason, error.command], ['ENOENT', 'not-found', 'ns-contract-no-such-command']);
      t.equal(error.message, 'execve("ns-contract-no-such-command"): ENOENT: command not found');
    },
  },
  {
    title: 'a path where nothing is, is exec-failed with ENOENT',
    run: async (t, backend) => {
      const command = join(scratch(t), 'missing');
      const error = await failure(spawn(command, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason, error.command], ['ENOENT', 'not-found', command]);
    },
  },
  {
    title: 'a path below a file is exec-failed with ENOTDIR',
    run: async (t, backend) => {
      const file = script(scratch(t), 'file', '');
      const error = await failure(spawn(`${file}/tool`, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['ENOTDIR', 'not-found']);
    },
  },
  {
    title: 'a file that may not be executed is exec-failed with EACCES',
    run: async (t, backend) => {
      const command = script(scratch(t), 'file', '#!/bin/sh\n', 0o644);
      const error = await failure(spawn(command, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason, error.command], ['EACCES', 'not-executable', command]);
    },
  },
  {
    title: 'a directory is exec-failed with EACCES',
    run: async (t, backend) => {
      const error = await failure(spawn(scratch(t), [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['EACCES', 'not-executable']);
    },
  },
  {
    title: 'a text without "#!" is exec-failed with ENOEXEC, and no shell guesses at it',
    run: async (t, backend) => {
      const command = script(scratch(t), 'text', 'echo guessed\n');
      const error = await failure(run(command, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['ENOEXEC', 'not-executable']);
    },
  },
  {
    title: 'an empty file is exec-failed with ENOEXEC',
    run: async (t, backend) => {
      const command = script(scratch(t), 'empty', '');
      const error = await failure(run(command, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['ENOEXEC', 'not-executable']);
    },
  },
  {
    title: 'a script whose interpreter is missing is exec-failed with ENOENT',
    run: async (t, backend) => {
      const command = script(scratch(t), 'script', '#!/nowhere/interpreter\n');
      const error = await failure(spawn(command, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['ENOENT', 'not-found']);
    },
  },
  {
    title: 'a loop of links is exec-failed with ELOOP',
    run: async (t, backend) => {
      const command = join(scratch(t), 'loop');
      symlinkSync('loop', command);
      const error = await failure(spawn(command, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['ELOOP', 'failed']);
    },
  },
  {
    title: 'a name that is too long is exec-failed with ENAMETOOLONG',
    run: async (t, backend) => {
      const error = await failure(spawn(`/${'x'.repeat(300)}`, [], { backend }), 'exec-failed');
      t.strictSame([error.errno, error.reason], ['ENAMETOOLONG', 'failed']);
    },
  },
  {
    title: 'a command that is not found in new namespaces is exec-failed, not setup-failed',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts', 'ipc', 'net'], { mountProc: true, hostname: 'h' });
      const missing = await failure(spawn('/nowhere/command', [], spec), 'exec-failed');
      t.strictSame([missing.errno, missing.reason], ['ENOENT', 'not-found']);
      const directory = await failure(spawn('/proc', [], spec), 'exec-failed');
      t.strictSame([directory.errno, directory.reason], ['EACCES', 'not-executable']);
    },
  },
  {
    title: 'a command that ends with 1, 125, 126 or 127 has exited, whatever it prints',
    run: async (t, backend) => {
      for (const code of [1, 2, 125, 126, 127]) {
        const text = `echo "sh: 1: x: not found" >&2; echo "unshare: unshare failed: Operation not permitted" >&2; exit ${code}`;
        t.equal(ending((await finished('sh', ['-c', text], { backend })).status), `exited ${code}`);
      }
    },
  },
  {
    title: 'a command in new namespaces that ends with 1, 125, 126 or 127 has exited, whatever it prints',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['pid', 'mnt', 'uts'], { mountProc: true });
      for (const code of [1, 2, 125, 126, 127]) {
        const text = `echo "unshare: unshare failed: Operation not permitted" >&2; exit ${code}`;
        t.equal(ending((await finished('sh', ['-c', text], spec)).status), `exited ${code}`);
      }
    },
  },
  {
    title: 'exec-failed comes after cwd: a missing directory is told before a missing command',
    run: async (t, backend) => {
      const cwd = join(scratch(t), 'missing');
      const error = await failure(spawn('/nowhere/command', [], { backend, cwd }), 'setup-failed');
      t.equal(error.step, 'cwd');
    },
  },
  {
    title: 'exec-failed leaves stdin that was to be written alone',
    run: async (t, backend) => {
      mkdirSync(join(scratch(t), 'unused'));
      const stdin = Buffer.alloc(1024 * 1024);
      const error = await failure(run('/nowhere/command', [], { backend, stdin }), 'exec-failed');
      t.equal(error.errno, 'ENOENT');
    },
  },
];
