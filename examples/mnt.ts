import { readdirSync } from 'node:fs';
import { run } from 'linux-namespaces';

const processes = (): number => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).length;

const result = await run('sh', ['-c', 'echo "inside: /proc shows" /proc/[0-9]*'], {
  namespaces: ['user', 'pid', 'mnt'],
  mapRootUser: true,
  mountProc: true,
});
if (result.isErr()) throw new Error(result.error.message);
process.stdout.write(result.value.stdout);
console.log(`outside: /proc still shows ${processes() > 1 ? 'everybody' : 'nobody'}`);
