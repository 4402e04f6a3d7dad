// Where the repository and its programs are, for tests that run compiled (test/compile.ts) or as TypeScript.
import { extname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

/** Of what node runs: `.ts`, or `.js` when the tests are compiled. */
export const programExtension = extname(import.meta.url);
const isCompiled = programExtension === '.js';
const root = fileURLToPath(new URL(isCompiled ? '../../..' : '../..', import.meta.url));

/** The path of a file, given from the root of the repository. */
export const pathOf = (file: string): string => join(root, file);

/** The path of what node runs or imports for a source file, given from the root: `src/main.ts`. */
export const programOf = (source: string): string =>
  isCompiled ? join(root, 'build', source.replace(/\.ts$/, '.js')) : join(root, source);

export const programUrlOf = (source: string): string => pathToFileURL(programOf(source)).href;

/** What node needs to run it. */
export const nodeArgs: readonly string[] = isCompiled ? [] : ['--import', import.meta.resolve('tsx')];
