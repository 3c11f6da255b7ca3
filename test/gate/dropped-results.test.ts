import { mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import t from 'tap';
import ts from 'typescript';
import { droppedResults } from './dropped-results.ts';

const HEAD = `import { err, errAsync, ok, Result, ResultAsync } from 'neverthrow';
declare const result: () => Result<number, string>;
declare const later: () => ResultAsync<number, string>;
declare const promised: () => Promise<Result<number, string>>;
declare const yes: boolean;
`;

/** What is found in each of the statements, which all stand in one program. */
const foundIn = (statements: readonly string[]): readonly (readonly string[])[] => {
  const root = realpathSync(mkdtempSync(join(tmpdir(), 'ns-results-')));
  try {
    symlinkSync(resolve('node_modules'), join(root, 'node_modules'));
    const files = statements.map((_, index) => join(root, `case-${index}.mts`));
    for (const [index, statement] of statements.entries()) {
      writeFileSync(files[index] ?? '', `${HEAD}export const body = async () => {\n${statement}\n};\n`);
    }
    const program = ts.createProgram(files, {
      strict: true,
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.NodeNext,
      preserveSymlinks: true,
      types: [],
    });
    const found = droppedResults(program, root);
    return files.map((_, index) => found.filter((line) => line.startsWith(`case-${index}.mts:`)));
  } finally {
    rmSync(root, { recursive: true });
  }
};

t.test('droppedResults() finds each way to drop a Result', async (t) => {
  const dropped = [
    ['ok(1);', 'Ok'],
    ['err("no");', 'Err'],
    ['result();', 'Ok'],
    ['later();', 'ResultAsync'],
    ['errAsync(1);', 'ResultAsync'],
    ['await later();', 'Ok'],
    ['await promised();', 'Ok'],
    ['promised();', 'Promise'],
    ['promised().then(() => undefined);', 'Promise'],
    ['yes && result();', 'Ok'],
    ['yes ? result() : undefined;', 'Ok'],
    ['result().map(String);', 'Ok'],
    ['(() => { result(); })();', 'Ok'],
  ] as const;
  const found = foundIn(dropped.map(([statement]) => statement));
  for (const [index, [statement, what]] of dropped.entries()) {
    t.match(found[index], [new RegExp(`:7:\\d+ ${what} dropped: `)], statement);
    t.equal(found[index]?.length, 1, statement);
  }
});

t.test('droppedResults() passes what has been looked at', async (t) => {
  const kept = [
    'result().unwrapOr(0);',
    'const kept = result(); kept.isOk();',
    'let kept; kept = result(); kept.isOk();',
    'return later();',
    'result().match(() => undefined, () => undefined);',
    'void promised();',
    'promised().catch(() => undefined);',
    'later().match(() => undefined, () => undefined);',
    'await later().match(() => undefined, () => undefined);',
  ];
  const found = foundIn(kept);
  for (const [index, statement] of kept.entries()) t.same(found[index], [], statement);
});
