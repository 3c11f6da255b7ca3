import { execFileSync, spawnSync } from 'node:child_process';
import {
  accessSync,
  constants,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t from 'tap';
import * as door from '../../lib/index.ts';
import { PRIVILEGED } from '../contract/caller.ts';
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
  const room =
    /^dist\/published\/[\w-]+\.js$|^dist\/(?:lib|backends|bench)\/.*\.d\.ts$|^bench\/peers\/[\w-]+\.(?:c|go|py|md)$/;
  const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'SECURITY.md', 'package.json'];
  t.same(
    paths.filter((path) => !room.test(path)),
    documents,
  );
  for (const wanted of ['dist/published/index.js', 'dist/lib/index.d.ts', ...Object.values(PACKAGE.bin)]) {
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
  const door = JSON.stringify(resolve('dist/published/index.js'));
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

/** The package as somebody has it who installed it: what is packed, beside what it depends on, and nothing else. */
const withInstalled = async (use: (dir: string) => Promise<void> | void): Promise<void> => {
  const dir = mkdtempSync(join(tmpdir(), 'ns-package-'));
  try {
    const packed = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], { encoding: 'utf8', env });
    const [{ files }] = JSON.parse(packed) as [{ files: readonly { path: string }[] }];
    const home = join(dir, 'node_modules', 'linux-namespaces');
    mkdirSync(home, { recursive: true });
    for (const { path } of files) cpSync(path, join(home, path));
    for (const name of readdirSync('node_modules')) {
      if (!name.startsWith('.')) symlinkSync(resolve('node_modules', name), join(dir, 'node_modules', name));
    }
    await use(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
};

t.test('the package works as it is installed', async (t) =>
  withInstalled((dir) => {
    writeFileSync(
      join(dir, 'worker.mjs'),
      "import { parentPort } from 'node:worker_threads';\nparentPort.postMessage('here');\n",
    );
    writeFileSync(
      join(dir, 'use.mjs'),
      `import { check, explain, NamespaceWorker, run } from 'linux-namespaces';
       import { measure } from 'linux-namespaces/bench';
       const ran = await run('echo', ['ran'], {});
       const report = await check({ probe: false });
       const start = () => new NamespaceWorker(new URL('./worker.mjs', import.meta.url), { namespaces: ['uts'] });
       const said = ${PRIVILEGED}
         ? await new Promise((done) => start().once('message', done).once('error', ({ message }) => done(message)))
         : 'here';
       console.log(JSON.stringify([
         String(ran._unsafeUnwrap().stdout), report.isOk(), typeof explain, typeof measure, said,
       ]));`,
    );
    const { stdout, stderr } = spawnSync(process.execPath, ['use.mjs'], { cwd: dir, encoding: 'utf8', env });
    t.equal(stdout, `${JSON.stringify(['ran\n', true, 'function', 'function', 'here'])}\n`, stderr);
    for (const name of Object.keys(PACKAGE.bin)) {
      const program = join(dir, 'node_modules', 'linux-namespaces', PACKAGE.bin[name] ?? '');
      const asked = spawnSync(program, ['--version'], { encoding: 'utf8', env });
      t.equal(asked.status, 0, asked.stderr);
      t.match(asked.stdout, /\b\d+\.\d+\.\d+\n$/, name);
    }
  }),
);

t.test('the package exports what the door does', async (t) => {
  // By its name, as users have it.
  const name = 'linux-namespaces';
  t.same(Object.keys(await import(name)).sort(), Object.keys(door).sort());
});

t.test('importing the package reads few files, and none that only programs want', async (t) => {
  const { own, others } = evaluated(`
    import { register } from 'node:module';
    import { MessageChannel } from 'node:worker_threads';
    const { port1, port2 } = new MessageChannel();
    const hooks = 'let port; export const initialize = (p) => { port = p; };' +
      'export const load = (url, context, next) => { port.postMessage(url); return next(url, context); };';
    register('data:text/javascript,' + encodeURIComponent(hooks), { data: port2, transferList: [port2] });
    const urls = [];
    port1.on('message', (url) => urls.push(url)).unref();
    await import(${JSON.stringify(resolve('dist/published/index.js'))});
    await new Promise((done) => setImmediate(done));
    const files = urls.filter((url) => url.startsWith('file:'));
    console.log(JSON.stringify({
      own: files.filter((url) => url.includes('/dist/')).length,
      others: files.filter((url) => url.includes('/node_modules/')).map((url) => /node_modules\\/([^/]+)/.exec(url)[1]),
    }));
  `) as { own: number; others: string[] };
  t.ok(own >= 1 && own < 12, `${own} files`);
  t.same(others.sort(), ['neverthrow', 'ts-pattern']);
});
