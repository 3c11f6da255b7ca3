import { run } from 'linux-namespaces';

const whoAmI = ['-c', 'echo "uid $(id -u), gid $(id -g)"'];

const unmapped = await run('sh', whoAmI, { namespaces: ['user'] });
const mapped = await run('sh', whoAmI, { namespaces: ['user'], mapRootUser: true });
for (const [how, result] of Object.entries({ 'without a map': unmapped, 'with a map': mapped })) {
  if (result.isErr()) throw new Error(result.error.message);
  process.stdout.write(`${how}: ${result.value.stdout}`);
}
