import { readFileSync } from 'node:fs';
import { run } from 'linux-namespaces';

const queues = (): number => readFileSync('/proc/sysvipc/msg', 'utf8').trim().split('\n').length - 1;

const before = queues();
const result = await run('sh', ['-c', 'ipcmk -Q > /dev/null; echo "inside: $(ipcs -q | grep -c ^0x) message queue"'], {
  namespaces: ['user', 'ipc'],
  mapRootUser: true,
});
if (result.isErr()) throw new Error(result.error.message);
process.stdout.write(result.value.stdout);
console.log(`outside: ${queues() - before} more than before`);
