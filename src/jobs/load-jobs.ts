// Reads the definitions of JOBS_DIR, and reports all problems of all files at once.
import { execFile } from 'node:child_process';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { createRegistry, type JobRegistry, type JobType } from '../domain/job-type.ts';
import { builtInTypes, createBuiltInDefinitions, type BuiltInSettings } from './built-in.ts';
import { compileDefinition } from './compile-definition.ts';
import { isDefined, placeOf, type Defined } from './define-job.ts';

export interface LoadedJobs {
  registry: JobRegistry;
  /** The definitions as their authors wrote them, by name, built-in ones included. They hold the code of the jobs. */
  definitions: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
  /** Files of the folder that are no definitions, and whose names do not say so. */
  ignored: readonly string[];
}

/** At least one definition cannot be used. Each line of the message is one problem, with its file. */
export class JobsError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`JOBS_DIR has ${problems.length} problem(s):\n${problems.map((problem) => `  ${problem}`).join('\n')}`);
    this.problems = problems;
  }
}

/** Compiling a large dependency takes seconds on a small machine. */
const importTimeoutMs = 20_000;
/** Node 22.18 and newer read TypeScript. */
const readsTypeScript = 'typescript' in process.features && Boolean(process.features.typescript);
const extensions: ReadonlySet<string> = new Set(['.js', '.mjs', '.ts', '.mts']);
const isSkipped = (file: string): boolean => /^_|^\.|\.test\.[^.]+$|\.d\.[cm]?ts$/.test(file);
const isWritableByOthers = (mode: number): boolean => (mode & 0o002) !== 0;

/** In place of a file. */
const builtInFile = 'a built-in type';

interface Source {
  file: string;
  type: JobType;
  definition: Readonly<Record<string, unknown>>;
}

/**
 * @param dir may be absent: then there are only the built-in types
 * @param builtIn turns on built-in definitions
 * @throws JobsError with every problem
 */
export async function loadJobs(dir: string, builtIn: BuiltInSettings = {}): Promise<LoadedJobs> {
  const problems: string[] = [];
  const sources: Source[] = createBuiltInDefinitions(builtIn).map(readBuiltIn);
  const ignored: string[] = [];
  const folder = await realpath(dir).catch(() => undefined);
  for (const file of folder === undefined ? [] : await listFiles(folder)) {
    if (!extensions.has(extname(file))) {
      ignored.push(file);
      continue;
    }
    const read = await readFile(folder as string, file);
    if ('problems' in read) problems.push(...read.problems.map((problem) => `${file}${problem}`));
    else sources.push({ file, ...read });
  }
  problems.push(...findDuplicates(sources), ...findMixedQueues(sources), ...findSharedSlots(sources));
  if (problems.length > 0) throw new JobsError(problems);
  return {
    registry: createRegistry([...builtInTypes, ...sources.map(({ type }) => type)]),
    definitions: new Map(sources.map(({ type, definition }) => [type.name, definition])),
    ignored,
  };
}

function readBuiltIn(definition: Defined): Source {
  const compiled = compileDefinition({ ...definition });
  if (!('type' in compiled)) throw new Error(`a built-in definition is wrong: ${JSON.stringify(compiled.problems)}`);
  return { file: builtInFile, type: compiled.type, definition: { ...definition } };
}

async function listFiles(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => !entry.isDirectory() && !isSkipped(entry.name))
    .map(({ name }) => name)
    .sort();
}

type Read = Omit<Source, 'file'> | { problems: readonly string[] };

async function readFile(folder: string, file: string): Promise<Read> {
  const path = join(folder, file);
  if (/\.m?ts$/.test(file) && !readsTypeScript)
    return { problems: [`: Node ${process.versions.node} does not read TypeScript; 22.18 and newer do`] };
  if (isWritableByOthers((await stat(path)).mode))
    return { problems: [': every user of this machine may write to it (chmod o-w): its code would run as this user'] };
  let exported: unknown;
  try {
    exported = (await importInTime(pathToFileURL(path).href)).default;
  } catch (error) {
    if (error instanceof SyntaxError) return { problems: [await describeSyntaxError(path, error)] };
    return { problems: [`${lineOf(path, error)}: ${describeFailure(error)}`] };
  }
  if (!isDefined(exported)) return { problems: [': the default export is not made by defineJob'] };
  const compiled = compileDefinition({ ...exported });
  if ('type' in compiled) return { type: compiled.type, definition: exported };
  const line = /:\d+$/.exec(placeOf(exported) ?? '')?.[0] ?? '';
  return { problems: compiled.problems.map(({ field, message }) => `${line}: ${field} ${message}`) };
}

/** A file may end the process, or wait at its top level without end. Both would end or hang the start without a message. */
async function importInTime(url: string): Promise<{ default?: unknown }> {
  const { exit } = process;
  process.exit = () => {
    throw new Error('process.exit was called');
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    const end = (): void => reject(new Error(`its import has not ended within ${importTimeoutMs / 1000} s`));
    timer = setTimeout(end, importTimeoutMs);
  });
  try {
    return (await Promise.race([import(url), late])) as { default?: unknown };
  } finally {
    clearTimeout(timer);
    process.exit = exit;
  }
}

/** An import's error lacks the line, which `node --check` prints as `PATH:LINE`. An imported file may be the broken one. */
async function describeSyntaxError(path: string, { message }: SyntaxError): Promise<string> {
  const [, line] = await promisify(execFile)(process.execPath, ['--check', path], { timeout: 10_000 }).then(
    () => [],
    (failure: unknown) => /:(\d+)\n/.exec((failure as { stderr?: string }).stderr ?? '') ?? [],
  );
  return `${line === undefined ? '' : `:${line}`}: it cannot be read: ${message}${adviceOf(message)}`;
}

/** `npm init` writes `"type": "commonjs"`. */
const adviceOf = (message: string): string =>
  message.includes('outside a module')
    ? ' (in package.json write "type": "module", or name the file .mjs or .mts)'
    : '';

/** The line of the file in an error's stack, as `:12`; empty when it is not there. */
function lineOf(path: string, error: unknown): string {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const at = [pathToFileURL(path).href, path].map((place) => stack.indexOf(`${place}:`)).find((index) => index !== -1);
  return at === undefined ? '' : (/:\d+(?=\D|$)/.exec(stack.slice(at + path.length))?.[0] ?? '');
}

function describeFailure(error: unknown): string {
  if (!(error instanceof Error)) return `it throws ${String(error)}`;
  if ('code' in error && error.code === 'ERR_MODULE_NOT_FOUND' && error.message.includes("'work-factory'"))
    return 'the package work-factory is not installed beside it (docs/jobs.md says how)';
  const [message = ''] = error.message.split('\n');
  const missing = /^Cannot find package '([^']+)'/.exec(message)?.[1];
  return `it throws ${error.name}: ${message}${missing === undefined ? '' : ` (npm install ${missing}?)`}`;
}

function findDuplicates(sources: readonly Source[]): string[] {
  const all = [...builtInTypes.map((type) => ({ file: builtInFile, type })), ...sources];
  return (['name', 'jobtype'] as const).flatMap((key) =>
    all.flatMap(({ file, type }, index) => {
      const first = all.findIndex((other) => other.type[key] === type[key]);
      return first === index ? [] : [`${file}: ${key} ${type[key]} is used by ${all[first]?.file ?? ''} already`];
    }),
  );
}

/** Our workers fetch from every queue of a type that they run, so such a queue must hold no jobs of another program's workers. */
function findMixedQueues(sources: readonly Source[]): string[] {
  const all = [...builtInTypes, ...sources.map(({ type }) => type)];
  const ours = new Map(all.filter(({ runs }) => runs !== 'elsewhere').map(({ queue, name }) => [queue, name]));
  return sources
    .filter(({ type }) => type.runs === 'elsewhere' && ours.has(type.queue))
    .map(
      ({ file, type: { queue } }) =>
        `${file}: has no run, and the type ${ours.get(queue) ?? ''}, which has one, uses its queue ${queue} as well`,
    );
}

/** Slots belong to a queue: all of its types have slots of their own, or none has. */
function findSharedSlots(sources: readonly Source[]): string[] {
  const all = [...builtInTypes, ...sources.map(({ type }) => type)];
  return sources
    .filter(({ file }) => file !== builtInFile)
    .flatMap(({ file, type: { queue, ownSlots } }) => {
      const other = all.find((type) => type.queue === queue && type.ownSlots !== ownSlots);
      if (other === undefined) return [];
      const theirs = `${other.ownSlots} for the type ${other.name}, which uses its queue ${queue} as well`;
      return [`${file}: ownSlots is ${ownSlots}, and ${theirs}`];
    });
}
