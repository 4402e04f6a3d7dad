// Compiles src, test and bench into build/, file by file and without looking at types: a test run starts some hundred
// processes, and each that read TypeScript would spend a third of a second of processor time on it. Only what has changed
// is compiled again.
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

/** Writes what node runs for the text of the source file `from` to the file `to`, with a map that names `from`. */
export async function compileText(text: string, from: string, to: string): Promise<void> {
  // It is large, and seldom needed.
  const { default: ts } = await import('typescript');
  const { outputText, sourceMapText = '' } = ts.transpileModule(text, {
    fileName: basename(from),
    compilerOptions: {
      target: ts.ScriptTarget.ES2022,
      module: ts.ModuleKind.ESNext,
      verbatimModuleSyntax: true,
      rewriteRelativeImportExtensions: true,
      sourceMap: true,
      sourceRoot: relative(dirname(to), dirname(from)),
    },
  });
  mkdirSync(dirname(to), { recursive: true });
  writeFileSync(`${to}.map`, sourceMapText);
  writeFileSync(to, outputText);
}

const modifiedMs = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

export const compiledName = (file: string): string => file.replace(/\.ts$/, '.js');

const filesBelow = (folder: string, extension: string): string[] =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (file) => file.endsWith(extension) && !file.includes('node_modules'),
  );

/** @param sinceMs what was compiled before is compiled again */
export async function compileFolder(source: string, output: string, sinceMs = 0): Promise<void> {
  mkdirSync(output, { recursive: true });
  const sources = filesBelow(source, '.ts');
  for (const file of sources) {
    const [from, to] = [join(source, file), join(output, compiledName(file))];
    if (modifiedMs(to) > Math.max(modifiedMs(from), sinceMs)) continue;
    await compileText(readFileSync(from, 'utf8'), from, to);
  }
  const wanted = new Set(sources.map(compiledName));
  for (const file of filesBelow(output, '.js')) if (!wanted.has(file)) rmSync(join(output, file));
}

/** @returns the folder of the compiled files */
export async function compile(root: string): Promise<string> {
  const output = join(root, 'build');
  // What this file does may have changed, too.
  const sinceMs = modifiedMs(join(root, 'test/compile.ts'));
  for (const folder of ['src', 'test', 'bench']) await compileFolder(join(root, folder), join(output, folder), sinceMs);
  // src/main.ts reads its version from there; another run may do so at this moment.
  const [from, to] = ['package.json', 'build/package.json'].map((file) => join(root, file)) as [string, string];
  if (modifiedMs(to) <= modifiedMs(from)) cpSync(from, to);
  return output;
}
