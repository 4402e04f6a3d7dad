// Writes each package that src and many tests import as one file, into build/node_modules: to find and read the some
// thousand files of Fastify and the others takes most of the time that a process of a test needs to start.
// What is packed (test/package.slow.test.ts) runs with the packages as npm installs them.
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { build, type Plugin } from 'esbuild';

/** classic-level loads a file of machine code that lies beside it. */
const native = ['classic-level'];
const onlyTests = ['fast-check'];

/** Some packages find their own files by `__dirname`: it stays the folder that they were installed to. */
const keepDirname: Plugin = {
  name: 'keep-dirname',
  setup({ onLoad }) {
    onLoad({ filter: /\/node_modules\/.*\.c?js$/ }, ({ path }) => {
      const text = readFileSync(path, 'utf8');
      if (!text.includes('__dirname')) return undefined;
      return { contents: `var __dirname = ${JSON.stringify(dirname(path))};${text}` };
    });
  },
};

// esbuild turns require() of what Node itself has into a call of this.
const requireOfNode =
  "import { createRequire as createRequire_ } from 'node:module'; const require = createRequire_(import.meta.url);";

/** A file that exports what the package exports to `import`. */
async function writeEntry(file: string, name: string): Promise<void> {
  // The exports of a package in CommonJS are known once it has run.
  const exported = Object.keys((await import(name)) as object).filter((key) => key !== '__esModule');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `export { ${exported.join(', ')} } from ${JSON.stringify(name)};\n`);
}

export async function compileDependencies(root: string, output: string): Promise<void> {
  const { dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  const packages = [...Object.keys(dependencies), ...onlyTests].filter((name) => !native.includes(name));
  const [entries, unfinished] = [join(output, `entries.${process.pid}`), join(output, `node_modules.${process.pid}`)];
  // The old copies go first, so that Node resolves the packages of npm while the new copies are made. A test that runs now gets the
  // packages of npm, too.
  rmSync(join(output, 'node_modules'), { recursive: true, force: true });
  for (const name of packages) await writeEntry(join(entries, `${name}/index.js`), name);
  // Imports are to see the exports of CommonJS as Node shows them.
  writeFileSync(join(entries, 'package.json'), '{"type":"module"}');
  await build({
    entryPoints: packages.map((name) => join(entries, `${name}/index.js`)),
    outbase: entries,
    outdir: unfinished,
    bundle: true,
    // What several packages share is in one file for all of them, as one copy.
    splitting: true,
    external: native,
    plugins: [keepDirname],
    banner: { js: requireOfNode },
    format: 'esm',
    platform: 'node',
    target: 'node20',
    logLevel: 'warning',
  });
  for (const name of packages)
    writeFileSync(join(unfinished, name, 'package.json'), '{"type":"module","exports":"./index.js"}');
  writeFileSync(join(unfinished, 'package.json'), '{"type":"module"}');
  rmSync(entries, { recursive: true });
  renameSync(unfinished, join(output, 'node_modules'));
}
