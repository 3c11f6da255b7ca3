import { spawn } from '../../../lib/index.ts';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { said, sh } from '../inside.ts';
import { failure } from '../outcome.ts';

const noTime = { 'ffi:straight': 'a time namespace is entered by a clone with memory of its own' };

const offsets = async (spec: Parameters<typeof said>[2]): Promise<string[]> =>
  (await said('cat', ['/proc/self/timens_offsets'], spec)).split('\n').map((line) => line.replace(/\s+/g, ' ').trim());

const uptime = async (spec: Parameters<typeof said>[2]): Promise<number> =>
  Number((await said('cat', ['/proc/uptime'], spec)).split(' ')[0]);

export const clocks: readonly Claim[] = [
  {
    title: 'monotonic and boottime are what the clocks are ahead inside',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      const spec = made(backend, ['time'], { monotonic: 1_000_000, boottime: 2_000_000 });
      t.strictSame(await offsets(spec), ['monotonic 1000000 0', 'boottime 2000000 0']);
      const ahead = (await uptime(spec)) - (await uptime({ backend }));
      t.ok(ahead > 1_999_990 && ahead < 2_000_100, `the time since boot is ${ahead} s ahead`);
    },
  },
  {
    title: 'monotonic alone leaves the other clock, and may be behind',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      t.strictSame(await offsets(made(backend, ['time'], { monotonic: -1 })), ['monotonic -1 0', 'boottime 0 0']);
      t.strictSame(await offsets(made(backend, ['time'], { boottime: 7 })), ['monotonic 0 0', 'boottime 7 0']);
    },
  },
  {
    title: 'boottime takes nanoseconds',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: { ...noTime, shell: 'unshare(1) takes whole seconds' },
    run: async (t, backend) => {
      const spec = made(backend, ['time'], { boottime: { seconds: -2, nanoseconds: 999_999_999 } });
      t.strictSame(await offsets(spec), ['monotonic 0 0', 'boottime -2 999999999']);
    },
  },
  {
    title: 'monotonic goes with a new pid namespace and with maps of somebody who is not root',
    needs: ['namespaces', 'user-namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      const spec = { backend, namespaces: ['user', 'pid', 'mnt', 'time'], mapCurrentUser: true } as const;
      const seen = await sh('echo $$; sed -n "s/^monotonic *//p" /proc/self/timens_offsets', {
        ...spec,
        monotonic: 3_600,
        mountProc: true,
      });
      t.equal(seen.replace(/\s+/g, ' '), '1 3600 0');
    },
  },
  {
    title: 'monotonic before the beginning of time fails at the step time-offsets with ERANGE',
    needs: ['namespaces', 'ns:time'],
    unsupportedOn: noTime,
    run: async (t, backend) => {
      const spec = made(backend, ['time'], { monotonic: -4_000_000_000 });
      const error = await failure(spawn('true', [], spec), 'setup-failed');
      t.equal(error.step, 'time-offsets');
      t.equal(error.errno, 'ERANGE');
    },
  },
];
