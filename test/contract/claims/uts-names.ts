import { readFileSync } from 'node:fs';
import { made } from '../caller.ts';
import type { Claim } from '../claim.ts';
import { finished, said } from '../inside.ts';

const names = (): [string, string] => [
  readFileSync('/proc/sys/kernel/hostname', 'utf8'),
  readFileSync('/proc/sys/kernel/domainname', 'utf8'),
];

/** uname(2) as the command finds it, in bytes: sysctl files end with the first newline of a name. */
const nodename = 'process.stdout.write(require("os").hostname())';

export const utsNames: readonly Claim[] = [
  {
    title: 'hostname is the name inside, and no other outside',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const before = names();
      const spec = made(backend, ['uts'], { hostname: 'matrix' });
      t.equal(await said('cat', ['/proc/sys/kernel/hostname'], spec), 'matrix');
      t.strictSame(names(), before);
    },
  },
  {
    title: 'domainname is the NIS domain name inside, and no other outside',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const before = names();
      const spec = made(backend, ['uts'], { domainname: 'zion' });
      t.equal(await said('cat', ['/proc/sys/kernel/domainname'], spec), 'zion');
      t.strictSame(names(), before);
    },
  },
  {
    title: 'hostname and domainname go together',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['uts'], { hostname: 'neo', domainname: 'zion.example' });
      t.equal(
        await said('cat', ['/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname'], spec),
        'neo\nzion.example',
      );
    },
  },
  {
    title: 'spawn() with a uts namespace and no hostname starts with the name of the host',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['uts']);
      const { stdout } = await finished('cat', ['/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname'], spec);
      t.equal(stdout.toString(), names().join(''));
    },
  },
  {
    title: 'hostname takes 64 bytes',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const hostname = `${'abcdefgh'.repeat(7)}-long-64`;
      t.equal(Buffer.byteLength(hostname), 64);
      t.equal(await said('cat', ['/proc/sys/kernel/hostname'], made(backend, ['uts'], { hostname })), hostname);
    },
  },
  {
    title: 'hostname takes blanks, quotes and letters of any alphabet',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const hostname = ` it's "ж" $HOME \`id\` \\ `;
      const spec = made(backend, ['uts'], { hostname, env: {} });
      t.equal((await finished(process.execPath, ['-e', nodename], spec)).stdout.toString(), hostname);
    },
  },
  {
    title: 'hostname may begin with a hyphen',
    needs: ['namespaces'],
    run: async (t, backend) =>
      t.equal(await said('cat', ['/proc/sys/kernel/hostname'], made(backend, ['uts'], { hostname: '-F' })), '-F'),
  },
  {
    title: 'hostname may be empty',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const { stdout } = await finished('cat', ['/proc/sys/kernel/hostname'], made(backend, ['uts'], { hostname: '' }));
      t.equal(stdout.toString(), '\n');
    },
  },
  {
    title: 'hostname may hold a newline',
    needs: ['namespaces'],
    run: async (t, backend) => {
      const spec = made(backend, ['uts'], { hostname: 'two\nlines', env: {} });
      t.equal((await finished(process.execPath, ['-e', nodename], spec)).stdout.toString(), 'two\nlines');
    },
  },
];
