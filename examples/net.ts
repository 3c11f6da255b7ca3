import { networkInterfaces } from 'node:os';
import { run } from 'linux-namespaces';

const result = await run('sh', ['-c', 'tail -n +3 /proc/net/dev | cut -d: -f1 | xargs echo inside:'], {
  namespaces: ['user', 'net'],
  mapRootUser: true,
});
if (result.isErr()) throw new Error(result.error.message);
process.stdout.write(result.value.stdout);
console.log(`outside: ${Object.keys(networkInterfaces()).includes('lo') ? 'lo is up' : 'lo is down'}`);
