import { hostname } from 'node:os';
import { run } from 'linux-namespaces';

const before = hostname();
const result = await run('sh', ['-c', 'echo "inside: $(uname -n)"'], {
  namespaces: ['user', 'uts'],
  mapRootUser: true,
  hostname: 'matrix',
});
if (result.isErr()) throw new Error(result.error.message);
process.stdout.write(result.value.stdout);
console.log(`outside: ${hostname() === before ? 'unchanged' : hostname()}`);
