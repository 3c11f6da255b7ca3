// Fails when a statement drops a Result: nobody looked whether it was an error. TypeScript itself does not tell.
//   npm run results
import { relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

const NEVERTHROW: ReadonlySet<string> = new Set(['Ok', 'Err', 'Result', 'ResultAsync']);

const isFrom = (symbol: ts.Symbol | undefined, library: RegExp): boolean =>
  symbol?.declarations?.some((declaration) => library.test(declaration.getSourceFile().fileName)) === true;

/** What a type is that must not be dropped: a Result, or a promise that nobody awaits. */
const precious = (type: ts.Type): string | null => {
  const parts = type.isUnion() ? type.types : [type];
  for (const { symbol } of parts) {
    if (symbol !== undefined && NEVERTHROW.has(symbol.name) && isFrom(symbol, /\/neverthrow\//)) return symbol.name;
    if (symbol?.name === 'Promise' && isFrom(symbol, /\/lib\.[\w.]+\.d\.ts$/)) return 'Promise';
  }
  return null;
};

const isAssignment = (node: ts.Expression): boolean =>
  ts.isBinaryExpression(node) &&
  node.operatorToken.kind >= ts.SyntaxKind.FirstAssignment &&
  node.operatorToken.kind <= ts.SyntaxKind.LastAssignment;

/** A promise whose rejection is taken care of, or that a Result was turned into, may go its way. */
const isSettled = (node: ts.Expression): boolean =>
  ts.isCallExpression(node) &&
  ts.isPropertyAccessExpression(node.expression) &&
  (['catch', 'match'].includes(node.expression.name.text) ||
    (node.expression.name.text === 'then' && node.arguments.length === 2));

/** Every statement of a program that drops a Result or a promise, as `file:line:column what`. */
export const droppedResults = (program: ts.Program, root: string): readonly string[] => {
  const checker = program.getTypeChecker();
  const found: string[] = [];
  const look = (file: ts.SourceFile, node: ts.Node): void => {
    if (ts.isExpressionStatement(node) && !ts.isVoidExpression(node.expression)) {
      // `await` of a ResultAsync is a Result, and as easily dropped. An assignment keeps its value.
      const type = precious(checker.getTypeAtLocation(node.expression));
      const isKept = isAssignment(node.expression) || (type === 'Promise' && isSettled(node.expression));
      const what = isKept ? null : type;
      const { line, character } = file.getLineAndCharacterOfPosition(node.getStart(file));
      const where = `${relative(root, file.fileName)}:${line + 1}:${character + 1}`;
      if (what !== null) found.push(`${where} ${what} dropped: ${node.getText(file).split('\n')[0]}`);
    }
    ts.forEachChild(node, (child) => look(file, child));
  };
  for (const file of program.getSourceFiles()) {
    if (!file.isDeclarationFile && !file.fileName.includes('/node_modules/')) look(file, file);
  }
  return found;
};

/** The program that tsconfig.json describes. */
const openProgram = (root: string): ts.Program => {
  const path = `${root}/tsconfig.json`;
  const { config } = ts.readConfigFile(path, ts.sys.readFile);
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  return ts.createProgram(fileNames, { ...options, noEmit: true });
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const found = droppedResults(openProgram(process.cwd()), process.cwd());
  for (const line of found) console.error(line);
  process.exitCode = found.length === 0 ? 0 : 1;
}
