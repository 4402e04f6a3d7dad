// Compiles all, then runs the test files, one process for the files of a folder, and says at the end which real parts were missing.
// Usage: node --import tsx test/run.ts [part of a path ...]
// Without a part it leaves the slow files to CI: those below test/faults/, and those named *.slow.test.ts.
// REQUIRE_REAL=1 runs them too, and makes a missing real part (Faktory, Redis, browser) a failure instead of a skip.
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { spawnChild } from './helpers/children.ts';
import { compile, compiledName } from './compile.ts';
import { pathOf } from './helpers/paths.ts';
import { realParts } from './helpers/real-parts.ts';

const isEverythingRequired = process.env['REQUIRE_REAL'] === '1';
const isSlow = (file: string): boolean => file.startsWith('faults/') || file.endsWith('.slow.test.ts');
const wanted = process.argv.slice(2);
const matching = readdirSync(pathOf('test'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .sort();
if (matching.length === 0) throw new Error(`no test file matches ${wanted.join(' ')}`);
const files = wanted.length === 0 && !isEverythingRequired ? matching.filter((file) => !isSlow(file)) : matching;
const notRun = matching.length - files.length;

const missing = realParts().filter((part) => !part.available);
if (missing.length > 0 && isEverythingRequired) {
  for (const { name, reason } of missing) console.error(`required and missing: ${name} (${reason})`);
  process.exit(1);
}

/** Slow files, and the files in test/ itself, which test the whole program. */
const hasOwnProcess = (file: string): boolean => isSlow(file) || dirname(file) === '.';
const sizeOf = (members: string[]): number =>
  members.reduce((sum, file) => sum + statSync(join(pathOf('test'), file)).size, 0);

/** The files that one process runs; the longest first, so that none is left running alone at the end. */
function processes(): string[][] {
  const folders = new Map<string, string[]>();
  for (const file of files.filter((each) => !hasOwnProcess(each)))
    folders.set(dirname(file), [...(folders.get(dirname(file)) ?? []), file]);
  return [
    ...files.filter(hasOwnProcess).map((file) => [file]),
    ...[...folders.values()].sort((a, b) => sizeOf(b) - sizeOf(a)),
  ];
}

/** Writes a program for each process, which imports its test files. Node begins them in the order of their names. */
function writePrograms(folder: string, compiled: string): string[] {
  mkdirSync(folder, { recursive: true });
  return processes().map((members, index) => {
    const name = (members.length === 1 ? members : members.map(dirname))[0] as string;
    const program = join(folder, `${String(index).padStart(3, '0')}-${name.replaceAll('/', '-')}.js`);
    const imports = members.map((file) => `import '${pathToFileURL(join(compiled, compiledName(file))).href}';\n`);
    writeFileSync(program, imports.join(''));
    return program;
  });
}

// Four at a time keep two cores busy: many files wait for timers, or for processes to start. The long ones look at times.
const isFull = process.env['FAULTS'] === '1';
const concurrency = isFull ? 1 : 4;
// Against what never ends: no slow machine needs a fourth of this.
const timeoutMs = isFull ? 3_600_000 : 240_000;
const output = await compile(pathOf('.'));
const folder = join(output, `runs/${process.pid}`);
// This reporter lists the failed tests at the end. Without a terminal, Node 20 uses another reporter by default.
const options = [
  '--enable-source-maps',
  '--test',
  '--test-reporter=spec',
  `--test-concurrency=${concurrency}`,
  `--test-timeout=${timeoutMs}`,
];
const child = spawnChild(process.execPath, [...options, ...writePrograms(folder, join(output, 'test'))], {
  stdio: 'inherit',
});
const [code] = (await once(child, 'exit')) as [number | null];
rmSync(folder, { recursive: true });
for (const { name, reason } of missing) console.log(`SKIPPED, NOT TESTED: everything on ${name} (${reason})`);
if (notRun > 0) console.log(`NOT RUN: ${notRun} slow files, which CI runs; here: npm test -- faults/ .slow`);
process.exitCode = code ?? 1;
