import { getEventListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { run, type SignalName, spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { BackendName, Claim } from '../claim.ts';
import { ending, finished, whileRunning, withChild } from '../inside.ts';
import { failure, value } from '../outcome.ts';
import { report } from '../program.ts';

/**
 * Runs a command that never ends until its time is up. A machine may be so slow that the time is up before the command
 * has begun; then there is no status, and it gets more time.
 */
const timedOutStatus = async (backend: BackendName, killSignal?: SignalName): Promise<string> => {
  for (let timeoutMs = 100; ; timeoutMs *= 2) {
    const spec = { backend, timeoutMs, ...(killSignal === undefined ? {} : { killSignal }) };
    const error = await failure(run('sleep', ['100000'], spec), 'timed-out');
    if (error.timeoutMs !== timeoutMs) throw new Error(`The error tells ${error.timeoutMs} ms, not ${timeoutMs}`);
    if (error.status !== null) return ending(error.status);
  }
};

export const stopping: readonly Claim[] = [
  {
    title: 'timeoutMs ends the command with SIGKILL, and run() says timed-out',
    run: async (t, backend) => t.equal(await timedOutStatus(backend), 'SIGKILL'),
  },
  {
    title: 'timeoutMs ends the command with killSignal',
    run: async (t, backend) => t.equal(await timedOutStatus(backend, 'SIGTERM'), 'SIGTERM'),
  },
  {
    title: 'timeoutMs ends pid 1 of a pid namespace',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const error = await failure(run('sleep', ['100000'], made(backend, ['pid'], { timeoutMs: 300 })), 'timed-out');
      t.ok(error.status === null || ending(error.status) === 'SIGKILL');
    },
  },
  {
    title: 'timeoutMs makes Child.exit a timed-out that tells how the command ended',
    run: async (t, backend) => {
      // The time runs from the call of spawn(): a slow machine gets more, until the command has begun in it.
      for (let timeoutMs = 200; ; timeoutMs *= 2) {
        const spawned = await spawn('sleep', ['100000'], { backend, timeoutMs });
        if (spawned.isErr() && spawned.error.type === 'timed-out') continue;
        await withChild(await value(spawned), async (child) => {
          const error = await failure(child.exit, 'timed-out');
          t.equal(error.status && ending(error.status), 'SIGKILL');
          t.equal(error.message, `Timed out after ${timeoutMs} ms`);
          t.notOk(existsSync(`/proc/${child.pid}`), 'it has been reaped');
        });
        return;
      }
    },
  },
  {
    title: 'timeoutMs in which the command ends by itself changes nothing, and keeps no program alive',
    run: async (t, backend) => {
      t.equal(ending((await finished('true', [], { backend, timeoutMs: 0x7fffffff })).status), 'exited 0');
      t.strictSame(await report('loop', [backend, 'timeout']), { exit: 'exited 0' });
    },
  },
  {
    title: 'signal that is aborted already starts nothing',
    run: async (t, backend) => {
      const reason = new Error('too late');
      const error = await failure(spawn('true', [], { backend, signal: AbortSignal.abort(reason) }), 'aborted');
      t.strictSame([error.reason, error.status, error.message], [reason, null, 'Aborted: too late']);
    },
  },
  {
    title: 'signal that is aborted during the set-up leaves nothing of the child',
    needs: ['namespaces'],
    run: async (t, backend) => {
      for (let turns = 0; turns < 12; turns += 1) {
        const controller = new AbortController();
        const spec = made(backend, ['pid', 'mnt', 'net'], { mountProc: true, signal: controller.signal });
        const spawned = spawn('sleep', ['100000'], spec);
        // At once, then a little later every time: wherever the set-up is.
        for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
        controller.abort('stop');
        const outcome = await spawned;
        const error = await failure(outcome.isOk() ? outcome.value.exit : outcome, 'aborted');
        t.equal(error.reason, 'stop');
        t.ok(error.status === null || ending(error.status) === 'SIGKILL');
        if (outcome.isOk()) await outcome.value[Symbol.asyncDispose]();
      }
    },
  },
  {
    title: 'signal that is aborted while the command runs ends it with SIGKILL and carries the reason',
    run: async (t, backend) => {
      const controller = new AbortController();
      await whileRunning({ backend, signal: controller.signal }, async (child) => {
        const reason = { any: 'thing' };
        controller.abort(reason);
        const error = await failure(child.exit, 'aborted');
        t.equal(error.reason, reason);
        t.equal(error.status && ending(error.status), 'SIGKILL');
      });
    },
  },
  {
    title: 'signal that is aborted ends the command with killSignal',
    run: async (t, backend) => {
      const controller = new AbortController();
      await whileRunning({ backend, signal: controller.signal, killSignal: 'SIGUSR1' }, async (child) => {
        controller.abort();
        const error = await failure(child.exit, 'aborted');
        t.equal(error.status && ending(error.status), 'SIGUSR1');
      });
    },
  },
  {
    title: 'signal that is aborted makes run() an aborted',
    run: async (t, backend) => {
      const controller = new AbortController();
      const result = run('sleep', ['100000'], { backend, signal: controller.signal });
      setImmediate(() => controller.abort('enough'));
      t.equal((await failure(result, 'aborted')).reason, 'enough');
    },
  },
  {
    title: 'signal that is aborted after the end changes nothing, and is listened to no longer',
    run: async (t, backend) => {
      const controller = new AbortController();
      const child = await value(spawn('true', [], { backend, stdio: 'ignore', signal: controller.signal }));
      const status = await value(child.exit);
      t.strictSame(getEventListeners(controller.signal, 'abort'), []);
      controller.abort();
      t.equal(ending(status), 'exited 0');
      t.equal(ending(await value(child.exit)), 'exited 0');
      const failed = new AbortController();
      await failure(spawn('/nowhere/command', [], { backend, signal: failed.signal }), 'exec-failed');
      t.strictSame(getEventListeners(failed.signal, 'abort'), []);
    },
  },
  {
    title: 'signal and timeoutMs together: the first one counts',
    run: async (t, backend) => {
      const controller = new AbortController();
      await whileRunning({ backend, signal: controller.signal, timeoutMs: 0x7fffffff }, async (child) => {
        controller.abort('first');
        t.equal((await failure(child.exit, 'aborted')).reason, 'first');
      });
    },
  },
  {
    title: 'a program stays alive until its child has ended',
    run: async (t, backend) => t.strictSame(await report('loop', [backend, 'wait']), { exit: 'exited 4' }),
  },
  {
    title: 'a program stays alive for a child that is ref()ed again',
    run: async (t, backend) => t.strictSame(await report('loop', [backend, 'ref']), { exit: 'exited 4' }),
  },
  {
    title: 'a program does not stay alive for a child that is unref()ed',
    run: async (t, backend) => t.strictSame(await report('loop', [backend, 'unref']), { exit: 'not awaited' }),
  },
  {
    title: 'Child[Symbol.asyncDispose]() kills the command, waits for its end and destroys its streams',
    run: async (t, backend) => {
      const child = await value(spawn('sleep', ['100000'], { backend }));
      await child[Symbol.asyncDispose]();
      t.notOk(existsSync(`/proc/${child.pid}`));
      t.equal(ending(await value(child.exit)), 'SIGKILL');
      t.strictSame(
        child.stdio.map((stream) => stream?.destroyed),
        [true, true, true],
      );
    },
  },
  {
    title: 'Child[Symbol.asyncDispose]() kills whatever killSignal says, and pid 1, too',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const child = await value(spawn('sleep', ['100000'], made(backend, ['pid'], { killSignal: 'SIGTERM' })));
      await child[Symbol.asyncDispose]();
      t.equal(ending(await value(child.exit)), 'SIGKILL');
    },
  },
  {
    title: 'Child[Symbol.asyncDispose]() after the end changes nothing',
    run: async (t, backend) => {
      const child = await value(spawn('sh', ['-c', 'exit 6'], { backend }));
      await value(child.exit);
      await child[Symbol.asyncDispose]();
      await child[Symbol.asyncDispose]();
      t.equal(ending(await value(child.exit)), 'exited 6');
    },
  },
];
