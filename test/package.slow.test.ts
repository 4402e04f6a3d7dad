// The package as somebody else installs it: packed, unpacked beside a project, run there, its types read by a strict compiler.
// Its dependencies are this repository's.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, after, describe, it } from 'node:test';
import { pathOf } from './helpers/paths.ts';

const root = pathOf('.');

const hello = `import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'hello',
  args: z.object({ name: z.string() }),
  run: ({ name }) => \`Hello, \${name}!\`,
  examples: [{ args: { name: 'Ada' }, result: 'Hello, Ada!' }],
});
`;

/** Of docs/jobs.md. */
const [, greet = ''] = /```ts\n([\s\S]*?)```/.exec(readFileSync(pathOf('docs/jobs.md'), 'utf8')) ?? [];
const readsTypeScript = Boolean((process.features as { typescript?: unknown }).typescript);

const typed = `import { defineJob, PermanentError, z, type JobContext } from 'work-factory';
export default defineJob({
  name: 'typed',
  args: z.object({ width: z.int() }),
  result: z.object({ bytes: z.int() }),
  async run({ width }, { jid, attempt, signal, progress, log, requestId }: JobContext) {
    if (width > 10) throw new PermanentError('too wide');
    progress(50, 'half');
    log.info('resizing', { jid, attempt, requestId });
    signal.throwIfAborted();
    return { bytes: width };
  },
});
`;
const calling = `import { createClient, WorkFactoryError, type Job } from 'work-factory/client';
import type typed from './typed.ts';
const client = createClient<{ typed: typeof typed }>({ url: 'http://127.0.0.1:3000' });
export const state = async (): Promise<Job['state'] | undefined> => {
  const { jobId } = await client.enqueue('typed', { width: 1 });
  return (await client.wait(jobId))?.state;
};
// @ts-expect-error the width is no text
export const mistaken = () => client.enqueue('typed', { width: '1' });
export const isOurs = (error: unknown) => error instanceof WorkFactoryError;
`;
const wrong = `import { defineJob, z } from 'work-factory';
const args = z.object({ width: z.int() });
// @ts-expect-error a misspelt field
export const misspelt = defineJob({ name: 'a', args, retries: 3 });
// @ts-expect-error the arguments have no height
export const missing = defineJob({ name: 'b', args, run: ({ height }) => height });
// @ts-expect-error the result is no text
export const result = defineJob({ name: 'c', args, result: z.string(), run: () => 7 });
`;

// Packing compiles everything, and the compiler then reads it all again.
const skip = process.env['REQUIRE_REAL'] === '1' ? false : 'REQUIRE_REAL=1 only: half a minute of compiling';

it('installs elsewhere what is tested here: versions that suit Node 20 are its own, as overrides do not reach others', () => {
  const { overrides, dependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    overrides?: object;
    dependencies: Record<string, string>;
  };
  assert.equal(overrides, undefined);
  // The next ones want Node 22, by content-disposition 3 and cookie 2.
  assert.equal(dependencies['@fastify/static'], '10.1.3');
  assert.equal(dependencies['light-my-request'], '6.6.0');
});

describe('the package', { skip }, () => {
  let project: string;
  before(() => {
    project = mkdtempSync(join(tmpdir(), 'project-'));
    const installed = join(project, 'node_modules', 'work-factory');
    mkdirSync(installed, { recursive: true });
    mkdirSync(join(project, 'jobs'));
    writeFileSync(join(project, 'package.json'), '{"type":"module"}');
    writeFileSync(join(project, 'jobs', 'hello.mjs'), hello);
    if (readsTypeScript) writeFileSync(join(project, 'jobs', 'greet.mts'), greet);
    execFileSync('npm', ['pack', '--silent', '--pack-destination', project], { cwd: root });
    execFileSync('sh', ['-c', `tar -xzf "${project}"/work-factory-*.tgz -C "${installed}" --strip-components=1`]);
    symlinkSync(join(root, 'node_modules'), join(installed, 'node_modules'));
  });
  after(() => rmSync(project, { recursive: true, force: true, maxRetries: 10 }));

  it('checks the jobs of the project that it is installed in', () => {
    const program = join(project, 'node_modules', 'work-factory', 'dist', 'main.js');
    const out = execFileSync(process.execPath, [program, 'jobs', 'check'], {
      cwd: project,
      encoding: 'utf8',
      env: { PATH: process.env['PATH'] ?? '' },
    });
    const greeting = readsTypeScript ? ['greet'] : [];
    const types = ['hello', ...greeting].map(
      (name) => `${name}: jobtype ${name}, queue default, retry 25, reserve_for 60 s`,
    );
    for (const line of types) assert.ok(out.split('\n').includes(line), out);
  });

  it('has the page of the console where its program looks for it', () => {
    const installed = join(project, 'node_modules', 'work-factory');
    const page = readFileSync(join(installed, 'console', 'index.html'), 'utf8');
    const files = [...page.matchAll(/"(console\/[\w.-]+)"/g)].map(([, file]) => file as string);
    assert.ok(files.length > 2);
    for (const file of files) assert.ok(existsSync(join(installed, file)), file);
    assert.ok(existsSync(join(installed, 'dist', 'http', 'console', 'page.js')));
  });

  it('has a client that reads no other package', () => {
    rmSync(join(project, 'node_modules', 'work-factory', 'node_modules'));
    const program = "import('work-factory/client').then((client) => console.log(Object.keys(client).join()))";
    const out = execFileSync(process.execPath, ['-e', program], { cwd: project, encoding: 'utf8' });
    assert.equal(out, 'WorkFactoryError,createClient\n');
    symlinkSync(join(root, 'node_modules'), join(project, 'node_modules', 'work-factory', 'node_modules'));
  });

  it('has types that a strict project can use, and that find mistakes', () => {
    writeFileSync(join(project, 'typed.ts'), typed);
    writeFileSync(join(project, 'greet.mts'), greet);
    writeFileSync(join(project, 'wrong.ts'), wrong);
    writeFileSync(join(project, 'calling.ts'), calling);
    const compilerOptions = {
      ...{ strict: true, exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true, skipLibCheck: false },
      ...{ module: 'nodenext', target: 'es2022', noEmit: true, allowImportingTsExtensions: true, types: ['node'] },
      typeRoots: [join(root, 'node_modules', '@types')],
    };
    const files = ['typed.ts', 'greet.mts', 'wrong.ts', 'calling.ts'];
    writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    execFileSync(process.execPath, [compiler, '-p', project], { encoding: 'utf8' });
  });
});
