import { text } from 'node:stream/consumers';
import { spawn } from 'linux-namespaces';

const started = await spawn('sh', ['-c', 'echo "inside: I am process $$"'], {
  namespaces: ['user', 'pid'],
  mapRootUser: true,
  stdio: ['ignore', 'pipe', 'inherit'],
});
if (started.isErr()) throw new Error(started.error.message);
const child = started.value;
console.log(`outside: it is process ${child.pid}`);
if (child.stdout !== null) process.stdout.write(await text(child.stdout));
const ended = await child.exit;
if (ended.isErr()) throw new Error(ended.error.message);
