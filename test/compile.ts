// Compiles src, test and bench into build/, file by file and without looking at types: a test run starts some hundred
// processes, and each that read TypeScript would spend a third of a second of processor time on it. Only what has changed
// is compiled again.
import { cpSync, existsSync, mkdirSync, readdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';
import { compileDependencies } from './compile-dependencies.ts';

/** `./a.ts` is imported as `./a.js`, and stays a file of its own. */
const keepFilesApart: Plugin = {
  name: 'keep-files-apart',
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, kind }) =>
      kind === 'entry-point' ? undefined : { path: path.replace(/\.ts$/, '.js'), external: true },
    );
  },
};

const options: BuildOptions = {
  // Otherwise esbuild leaves the paths of imports as they are.
  bundle: true,
  treeShaking: false,
  packages: 'external',
  plugins: [keepFilesApart],
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  logLevel: 'warning',
};

/** Writes what node runs for the text of the source file `from` to the file `to`, with a map that names `from`. */
export async function compileText(text: string, from: string, to: string): Promise<void> {
  const stdin = { contents: text, loader: 'ts', resolveDir: dirname(from), sourcefile: basename(from) } as const;
  await build({ ...options, stdin, outfile: to });
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
  const changed = sources.filter((file) => {
    const compiledMs = modifiedMs(join(output, compiledName(file)));
    return compiledMs <= Math.max(modifiedMs(join(source, file)), sinceMs);
  });
  await build({ ...options, entryPoints: changed.map((file) => join(source, file)), outbase: source, outdir: output });
  const wanted = new Set(sources.map(compiledName));
  for (const file of filesBelow(output, '.js')) if (!wanted.has(file)) rmSync(join(output, file));
}

/** @returns the folder of the compiled files */
export async function compile(root: string): Promise<string> {
  const output = join(root, 'build');
  // What these files do may have changed, too.
  const sinceMs = Math.max(
    ...['compile', 'compile-dependencies'].map((name) => modifiedMs(join(root, `test/${name}.ts`))),
  );
  const packagesMs = Math.max(sinceMs, modifiedMs(join(root, 'node_modules/.package-lock.json')));
  if (modifiedMs(join(output, 'node_modules')) <= packagesMs) await compileDependencies(root, output);
  for (const folder of ['src', 'test', 'bench']) await compileFolder(join(root, folder), join(output, folder), sinceMs);
  // src/http/console/page.ts looks for it beside its own folder.
  const page = join(output, 'console');
  if (!existsSync(page)) symlinkSync(join(root, 'console'), page);
  // src/main.ts reads its version from there; another run may do so at this moment.
  const [from, to] = ['package.json', 'build/package.json'].map((file) => join(root, file)) as [string, string];
  if (modifiedMs(to) <= modifiedMs(from)) cpSync(from, to);
  return output;
}
