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
import { plainEnv } from '../plain-env.ts';

const canNest = spawnSync('unshare', ['-Ur', 'true'], { stdio: 'ignore' }).status === 0;
const skip = canNest ? false : 'no user namespace can be made here with unshare(1)';

/** A piece of TypeScript that somebody may copy, and what it says that it prints. */
interface Example {
  readonly from: string;
  readonly code: string;
  readonly prints: string;
}

const example = (from: string, code: string): Example => {
  const said = [...code.matchAll(/(?:^|; )\/\/ (.*)$/gm)].map(([, line]) => line).join('\n');
  return { from, code, prints: said };
};

const fromMarkdown = (file: string): Example[] =>
  [...readFileSync(file, 'utf8').matchAll(/^```ts\n(.*?)^```$/gms)].map(([, code = '']) => example(file, code));

/** Examples in doc comments leave the import out. */
const fromDocComments = (file: string): Example[] =>
  [...readFileSync(file, 'utf8').matchAll(/^ \* ```ts\n(.*?)^ \* ```$/gms)].map(([, code = '']) => {
    const plain = code.replace(/^ \* ?/gm, '');
    const used = Object.keys(door).filter((name) => new RegExp(`\\b${name}\\(`).test(plain));
    return example(file, `import { ${used.join(', ')} } from 'linux-namespaces';\n${plain}`);
  });

const EXAMPLES = [
  ...fromMarkdown('README.md'),
  ...fromMarkdown('docs/ipc.md'),
  ...['lib', 'lib/inspect', 'lib/ipc'].flatMap((room) =>
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

/** Compiles a file strictly, in place. */
const compile = (file: string): readonly string[] => {
  const program = ts.createProgram([file], {
    strict: true,
    target: ts.ScriptTarget.ES2022,
    lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts'],
    module: ts.ModuleKind.NodeNext,
    types: ['node'],
    typeRoots: [join(dirname(file), 'node_modules/@types')],
    skipLibCheck: true,
  });
  const { diagnostics } = program.emit();
  return [...ts.getPreEmitDiagnostics(program), ...diagnostics].map(({ messageText }) =>
    ts.flattenDiagnosticMessageText(messageText, '\n'),
  );
};

t.test('README and doc comments have examples', async (t) => {
  const sources = EXAMPLES.map(({ from }) => from);
  for (const source of ['README.md', 'lib/spawn.ts', 'lib/run.ts']) t.ok(sources.includes(source), source);
});

for (const [index, { from, code, prints }] of EXAMPLES.entries()) {
  t.test(`${from}: the example compiles and prints what it says`, { skip }, async (t) => {
    const root = installed();
    t.teardown(() => rmSync(root, { recursive: true }));
    const file = join(root, `example-${index}.mts`);
    writeFileSync(file, code);
    t.same(compile(file), [], 'types');
    const { stdout } = await promisify(execFile)(process.execPath, [file.replace(/mts$/, 'mjs')], {
      cwd: root,
      env: plainEnv(),
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
