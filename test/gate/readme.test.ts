import { execFile, spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import t from 'tap';
import ts from 'typescript';
import * as door from '../../lib/index.ts';
import { unmet } from '../contract/caller.ts';
import { plainEnv } from '../plain-env.ts';

const canNest = spawnSync('unshare', ['-Ur', 'true'], { stdio: 'ignore' }).status === 0;
const cannotNest = canNest ? null : 'no user namespace can be made here with unshare(1)';

/** A piece of TypeScript that somebody may copy, and what it says that it prints and needs. */
interface Example {
  readonly from: string;
  readonly code: string;
  readonly prints: string;
  /** The sentence behind "Needs". */
  readonly needs: string;
}

const NEEDS = /^\/\/ Needs (.*)\.$/m;

const example = (from: string, code: string): Example => {
  const said = [...code.replace(NEEDS, '').matchAll(/(?:^|; )\/\/ (.*)$/gm)].map(([, line]) => line).join('\n');
  return { from, code, prints: said, needs: NEEDS.exec(code)?.[1] ?? '' };
};

/** What an example may need, and why it is not to be had here. */
const WANTING: Readonly<Record<string, () => string | null>> = {
  root: () => unmet('root'),
  'the ffi backend': () =>
    door.openBackend('ffi').match(
      () => null,
      ({ message }) => message,
    ),
  '/dev/net/tun': () => (existsSync('/dev/net/tun') ? null : 'there is no /dev/net/tun'),
  'a default route': () =>
    /^\w+\t0{8}\t/m.test(readFileSync('/proc/net/route', 'utf8')) ? null : 'this machine has no default route',
  veth: () => unmet('link:veth'),
  bridge: () => unmet('link:bridge'),
  ip: () => unmet('tool:ip'),
  pasta: () => unmet('tool:pasta'),
  slirp4netns: () => unmet('tool:slirp4netns'),
};

/** Every need has to be met, by one of its alternatives. */
const whyNot = (needs: string): string | null => {
  for (const need of needs === '' ? [] : needs.split(/, and |, | and /)) {
    const reasons = need.split(' or ').map((one) => {
      const why = WANTING[one];
      if (why === undefined) throw new Error(`An example needs "${one}", which is not known`);
      return why();
    });
    if (!reasons.includes(null)) return reasons.join('; ');
  }
  return cannotNest;
};

const fromMarkdown = (file: string): Example[] =>
  [...readFileSync(file, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => example(file, code));

/** Files that examples of a document want beside them: what follows their names in a first line. */
const besides = (file: string): readonly (readonly [name: string, code: string])[] =>
  [...readFileSync(file, 'utf8').matchAll(/^```js\n\/\/ ([\w.-]+)\n(.*?)^```$/gms)].map(
    ([, name = '', code = '']) => [name, code] as const,
  );

/** Examples in doc comments leave the import out. */
const fromDocComments = (file: string): Example[] =>
  [...readFileSync(file, 'utf8').matchAll(/^ \* ```ts\n(.*?)^ \* ```$/gms)].map(([, code = '']) => {
    const plain = code.replace(/^ \* ?/gm, '');
    const used = Object.keys(door).filter((name) => new RegExp(`\\b${name}\\(`).test(plain));
    return example(file, `import { ${used.join(', ')} } from 'linux-namespaces';\n${plain}`);
  });

const EXAMPLES = [
  ...fromMarkdown('README.md'),
  ...['docs/ipc.md', 'docs/networks.md', 'docs/workers.md'].flatMap(fromMarkdown),
  ...['lib', 'lib/inspect', 'lib/ipc', 'lib/network', 'lib/thread'].flatMap((room) =>
    readdirSync(room)
      .filter((name) => name.endsWith('.ts'))
      .flatMap((name) => fromDocComments(`${room}/${name}`)),
  ),
];

/** A directory in which this package is installed, as it is for who uses it. */
const installed = (): string => {
  const root = mkdtempSync(join(tmpdir(), 'ns-readme-'));
  mkdirSync(join(root, 'node_modules/@types'), { recursive: true });
  symlinkSync(resolve('.'), join(root, 'node_modules/linux-namespaces'));
  symlinkSync(resolve('node_modules/@types/node'), join(root, 'node_modules/@types/node'));
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  return root;
};

const nameOf = (index: number): string => `example-${index}`;

/** Compiles all examples strictly, in place, and tells what is wrong with each. */
const compileAll = (root: string): readonly (readonly string[])[] => {
  for (const [name, code] of besides('docs/workers.md')) writeFileSync(join(root, name), code);
  for (const [index, { code }] of EXAMPLES.entries()) writeFileSync(join(root, `${nameOf(index)}.mts`), code);
  const files = EXAMPLES.map((_, index) => join(root, `${nameOf(index)}.mts`));
  const program = ts.createProgram(files, {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    moduleDetection: ts.ModuleDetectionKind.Force,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
    skipLibCheck: true,
  });
  const { diagnostics } = program.emit();
  const all = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  // What belongs to no file is everybody's.
  return files.map((name) =>
    all
      .filter(({ file }) => file === undefined || file.fileName === name)
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  );
};

const root = installed();
t.teardown(() => rmSync(root, { recursive: true }));
const complaints = compileAll(root);

t.test('README and doc comments have examples', async (t) => {
  const sources = EXAMPLES.map(({ from }) => from);
  for (const source of ['README.md', 'lib/spawn.ts', 'lib/network/pool.ts']) t.ok(sources.includes(source), source);
});

for (const [index, { from, prints, needs }] of EXAMPLES.entries()) {
  t.test(`${from}: the example compiles and prints what it says`, { skip: whyNot(needs) ?? false }, async (t) => {
    t.strictSame(complaints[index], [], 'types');
    const { stdout } = await promisify(execFile)(process.execPath, [`${nameOf(index)}.mjs`], {
      cwd: root,
      env: plainEnv(),
      // An example that hangs is to fail by itself, and not with all of them.
      timeout: 60_000,
    });
    if (prints === '') t.not(stdout, '', 'it prints something');
    else t.equal(stdout.trim(), prints);
  });
}

const DOCUMENTS = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs').map((name) => `docs/${name}`),
  ...['lib', 'lib/host', 'backends/ffi', 'backends/shell', 'bench', 'examples'].map((room) => `${room}/README.md`),
].filter((file) => file.endsWith('.md'));

t.test('documents link to what is there', async (t) => {
  for (const file of DOCUMENTS) {
    const links = [...readFileSync(file, 'utf8').matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map(([, link = '']) => link);
    const broken = links.filter((link) => !/^https?:/.test(link) && !existsSync(join(dirname(file), link)));
    t.same(broken, [], file);
  }
});
