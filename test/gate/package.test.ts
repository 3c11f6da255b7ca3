import { execFileSync, spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t from 'tap';
import { plainEnv } from '../plain-env.ts';

const PACKAGE = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly bin: Readonly<Record<string, string>>;
  readonly scripts: Readonly<Record<string, string>>;
};
const env = plainEnv();

t.test('npm pack takes what is used, and nothing else', async (t) => {
  const { status, stdout } = spawnSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    encoding: 'utf8',
    env,
  });
  t.equal(status, 0);
  const [pack] = JSON.parse(stdout) as [{ files: readonly { path: string }[] }];
  const paths = pack.files.map(({ path }) => path);
  const room = /^dist\/(?:lib|backends|cli|bench)\/.*\.(?:js|d\.ts)$|^dist\/bench\/peers\/[\w-]+\.(?:c|go|py)$/;
  const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'];
  t.same(
    paths.filter((path) => !room.test(path)),
    documents,
  );
  for (const wanted of ['dist/lib/index.js', 'dist/lib/index.d.ts', ...Object.values(PACKAGE.bin)]) {
    t.ok(paths.includes(wanted), wanted);
  }
});

t.test('the programs of the package can be executed', async (t) => {
  for (const file of Object.values(PACKAGE.bin)) {
    t.match(readFileSync(file, 'utf8'), /^#!\/usr\/bin\/env node\n/, file);
    t.doesNotThrow(() => accessSync(file, constants.X_OK), file);
  }
});

t.test('the package installs without scripts and compilers', async (t) => {
  const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
    readonly packages: Readonly<
      Record<string, { hasInstallScript?: boolean; dev?: boolean; resolved?: string; version?: string }>
    >;
  };
  const packages = Object.entries(lock.packages).filter(([path]) => path !== '');
  t.same(
    packages.filter(([, { hasInstallScript, dev }]) => hasInstallScript === true && dev !== true),
    [],
    'no install script at run time',
  );
  t.same(
    packages.filter(([, { resolved }]) => resolved !== undefined),
    [],
    'no download addresses',
  );
  t.same(
    packages.filter(([, { version }]) => version === undefined),
    [],
    'npm ci wants a version of each, of other platforms, too',
  );
  for (const hook of ['preinstall', 'install', 'postinstall']) t.notOk(PACKAGE.scripts[hook], hook);
});

/** Runs a module and gives what it printed, read as JSON. */
const evaluated = (code: string): unknown =>
  JSON.parse(execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8', env }));

t.test('importing the package opens no fd, starts no thread and loads no native code', async (t) => {
  const door = JSON.stringify(resolve('dist/lib/index.js'));
  const { before, after, native } = evaluated(`
    import { readdirSync, readFileSync } from 'node:fs';
    import { readFile } from 'node:fs/promises';
    // Modules are read by the threads of Node.js, which start together.
    await readFile('/proc/self/stat');
    const count = () => [readdirSync('/proc/self/fd').length, readdirSync('/proc/self/task').length];
    const before = count();
    await import(${door});
    const after = count();
    const native = readFileSync('/proc/self/maps', 'utf8').split('\\n').filter((line) => line.endsWith('.node'));
    console.log(JSON.stringify({ before, after, native }));
  `) as { before: number[]; after: number[]; native: string[] };
  t.same(after, before);
  t.same(native, []);
});
