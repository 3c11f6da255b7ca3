import { spawn as plainSpawn } from 'node:child_process';
import { readFileSync, readlinkSync } from 'node:fs';
import { hostname } from 'node:os';
import { spawn } from '../../../lib/index.ts';
import { made, PRIVILEGED, statusField } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { lineReader, said, sh, whileRunning, withChild } from '../inside.ts';
import { value } from '../outcome.ts';
import { ended } from '../program.ts';

/** What a command prints that is run with Node's own child_process: the view of the host. */
const onHost = async (command: string, args: readonly string[]): Promise<string> =>
  (await ended(plainSpawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] }))).stdout;

/** The keys of the message queues that ipcs(1) lists. */
const queueKeys = (table: string): string[] => [...table.matchAll(/^0x[0-9a-f]+/gm)].map(([key]) => key);

export const foundingArticle: readonly Claim[] = [
  {
    title: 'the article, pid: a shell is pid 1 inside and has another pid outside',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const child = await value(spawn('sh', ['-c', 'echo $$; read -r line'], made(backend, ['pid'])));
      await withChild(child, async () => {
        t.equal(await lineReader(child.stdout)(), '1');
        t.not(child.pid, 1);
        t.match(statusField('NSpid', child.pid), new RegExp(`\\b${child.pid}\\t1$`));
      });
    },
  },
  {
    title: 'the article, mnt: a /proc of its own, and the host’s is intact after the exit',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const mounts = (): string => readFileSync('/proc/self/mountinfo', 'utf8');
      const before = mounts();
      const spec = made(backend, ['pid', 'mnt'], { mountProc: true });
      t.equal(await sh('echo /proc/[0-9]*', spec), '/proc/1');
      t.equal(readlinkSync('/proc/self'), `${process.pid}`);
      t.equal(mounts(), before);
      t.ok((await onHost('sh', ['-c', 'echo /proc/[0-9]*'])).split(/\s+/).includes(`/proc/${process.pid}`));
    },
  },
  {
    title: 'the article, ipc: a message queue that is made inside is not listed outside',
    needs: ['namespaces', 'tool:ipcmk', 'tool:ipcs'],
    run: async (t, backend) => {
      const script = 'ipcmk -Q > /dev/null && ipcs -q && echo made && read -r line';
      const child = await value(spawn('sh', ['-c', script], made(backend, ['ipc'])));
      await withChild(child, async () => {
        const line = lineReader(child.stdout);
        let table = '';
        for (let text = await line(); text !== null && text !== 'made'; text = await line()) table += `${text}\n`;
        const inside = queueKeys(table);
        t.equal(inside.length, 1, `made ${inside}`);
        const outside = queueKeys(await onHost('ipcs', ['-q']));
        t.notOk(outside.includes(`${inside[0]}`), `outside there are [${outside}]`);
      });
    },
  },
  {
    title: 'the article, uts: the host name inside is "matrix", and what it was outside',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const before = hostname();
      await whileRunning(made(backend, ['uts'], { hostname: 'matrix' }), () => t.equal(hostname(), before));
      t.equal(await said('uname', ['-n'], made(backend, ['uts'], { hostname: 'matrix' })), 'matrix');
      t.equal(hostname(), before);
    },
  },
  {
    title: 'the article, user: uid 65534 without a map, and uid 0 with one',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const unmapped = readFileSync('/proc/sys/kernel/overflowuid', 'utf8').trim();
      t.equal(await said('id', ['-u'], { backend, namespaces: ['user'] }), unmapped);
      t.equal(await said('id', ['-u'], { backend, namespaces: ['user'], mapRootUser: true }), '0');
    },
  },
  {
    title: 'the article, net: no interface but lo, and that one is down',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const devices = await said('cat', ['/proc/net/dev'], made(backend, ['net']));
      const names = devices
        .split('\n')
        .slice(2)
        .map((line) => line.split(':')[0]?.trim());
      // Kernels with fallback tunnels put theirs into every new network namespace: sit0, tunl0, ip6tnl0...
      t.ok(names.includes('lo'), `${names}`);
      t.strictSame(
        names.filter((name) => !/^(lo|.*0|ip_vti0|ip6_vti0)$/.test(`${name}`)),
        [],
      );
      const spec = made(backend, ['net'], { env: {} });
      t.equal(await said(process.execPath, ['-p', 'JSON.stringify(os.networkInterfaces())'], spec), '{}', 'none is up');
    },
  },
  {
    title: 'the article, all of it at once',
    needs: ['user-namespaces'],
    run: async (t, backend) => {
      const script = 'echo "$$ $(id -u) $(uname -n) $(grep -c : /proc/net/dev)" /proc/[0-9]*';
      const text = await sh(script, {
        backend,
        namespaces: ['pid', 'mnt', 'ipc', 'uts', 'user', 'net'],
        mapRootUser: true,
        mountProc: true,
        hostname: 'matrix',
      });
      t.match(text, /^1 0 matrix \d+ \/proc\/1$/, PRIVILEGED ? 'as root' : 'as an ordinary user');
    },
  },
];
