// What a folder of definitions becomes, and what is said when it cannot be used.
import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { JobsError, loadJobs } from '../../src/jobs/load-jobs.ts';
import { programUrlOf } from '../helpers/paths.ts';

const packageUrl = programUrlOf('src/jobs/define-job.ts');
const zodUrl = import.meta.resolve('zod');
const head = `import { defineJob } from ${JSON.stringify(packageUrl)};\nimport { z } from ${JSON.stringify(zodUrl)};\n`;

/** A folder with these files; each text stands behind the imports. */
async function folderOf(t: TestContext, files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'jobs-'));
  t.after(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), head + text);
  return folder;
}

const define = (fields: string): string => `export default defineJob({ ${fields} });\n`;
const args = 'args: z.object({ width: z.int().min(1) })';

async function problemsOf(t: TestContext, files: Record<string, string>): Promise<readonly string[]> {
  const folder = await folderOf(t, files);
  const error = await loadJobs(folder).then(
    () => assert.fail('it was loaded'),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof JobsError, String(error));
  return error.problems;
}

describe('a folder of definitions', () => {
  it('may be absent: there are the built-in types', async () => {
    const { registry, definitions } = await loadJobs(join(tmpdir(), 'no-such-folder'));
    assert.deepEqual(
      registry.types.map(({ name }) => name),
      ['add', 'subtract', 'multiply', 'divide'],
    );
    assert.equal(definitions.size, 0);
  });

  it('gives each file a type, with defaults', async (t) => {
    const folder = await folderOf(t, {
      'resize.mjs': define(`name: 'resize', ${args}, run: () => 1`),
      'mail.js': define(
        `name: 'mail', jobtype: 'SendMail', queue: 'mails', retry: 0, reserveFor: 600, args: z.tuple([z.string(), z.int()])`,
      ),
    });
    const { registry, definitions, ignored } = await loadJobs(folder);
    const { jobtype, queue, retry, reserveForSeconds, runs } = registry.byName('resize') ?? assert.fail();
    assert.deepEqual(
      [jobtype, queue, retry, reserveForSeconds, runs],
      ['resize', 'default', 25, 60, 'in handler process'],
    );
    const mail = registry.byJobtype('SendMail') ?? assert.fail();
    assert.deepEqual(
      [mail.name, mail.queue, mail.retry, mail.reserveForSeconds, mail.runs],
      ['mail', 'mails', 0, 600, 'elsewhere'],
    );
    assert.deepEqual([...definitions.keys()], ['mail', 'resize']);
    assert.deepEqual(ignored, []);
  });

  it('skips tests, declarations and names with _, and names other files', async (t) => {
    const folder = await folderOf(t, {
      '_shared.mjs': 'throw 1',
      'resize.test.mjs': 'throw 1',
      'resize.d.ts': 'throw 1',
      'notes.txt': '',
      'legacy.cjs': 'throw 1',
    });
    await mkdir(join(folder, 'deeper.mjs'));
    const { definitions, ignored } = await loadJobs(folder);
    assert.equal(definitions.size, 0);
    assert.deepEqual(ignored, ['legacy.cjs', 'notes.txt']);
  });

  it('reads arguments as they travel: an object as one argument, a tuple as the list', async (t) => {
    const folder = await folderOf(t, {
      'resize.mjs': define(`name: 'resize', args: z.object({ width: z.int(), fit: z.string().default('cover') })`),
      'mail.mjs': define(`name: 'mail', args: z.tuple([z.string(), z.int()])`),
    }).then((dir) => loadJobs(dir).catch((error: unknown) => error));
    assert.ok(folder instanceof JobsError, 'their queue is that of the built-in types');
    const right = await folderOf(t, {
      'resize.mjs': define(
        `name: 'resize', args: z.object({ width: z.int(), fit: z.string().default('é') }), run: () => 1`,
      ),
      'mail.mjs': define(`name: 'mail', args: z.tuple([z.string(), z.int()]), run: () => 1`),
      'strict.mjs': define(`name: 'strict', args: z.strictObject({ a: z.int() }), run: () => 1`),
      'loose.mjs': define(`name: 'loose', args: z.looseObject({ a: z.int() }), run: () => 1`),
    });
    const { registry } = await loadJobs(right);
    const read = (name: string, body: unknown) => {
      const reading = registry.byName(name)?.readFlat(body);
      assert.ok(reading?.success);
      return [reading.args.json, reading.args.jsonBytes, reading.args.requestId];
    };
    assert.deepEqual(read('resize', { width: 1, operation: 'resize', request_id: 'r', other: 1 }), [
      '{"width":1,"fit":"é"}',
      22,
      'r',
    ]);
    const beside = { operation: 'x', request_id: 'r' };
    assert.deepEqual(read('strict', { a: 1, ...beside }), ['{"a":1}', 7, 'r']);
    assert.deepEqual(read('loose', { a: 1, b: 2, ...beside }), ['{"a":1,"b":2}', 13, 'r']);
    assert.equal(registry.byName('strict')?.readFlat({ a: 1, b: 2 }).success, false);
    assert.deepEqual(read('mail', { args: ['a', 1], request_id: null }), ['"a",1', 5, undefined]);
    assert.equal(registry.byName('mail')?.readFlat({ 0: 'a', 1: 1 }).success, false);
    assert.equal(registry.byName('resize')?.readFlat({ width: 1, request_id: 'a\nb' }).success, false);
    assert.equal(registry.byName('resize')?.readFlat([]).success, false);
  });
});

describe('arguments that cannot travel', () => {
  const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;

  it('are refused with what is wrong, and do not throw', async (t) => {
    const folder = await folderOf(t, {
      'any.mjs': define(`name: 'any', args: z.looseObject({}), run: () => 1`),
      'broken.mjs': define(
        `name: 'broken', args: z.object({ a: z.string().refine(() => { throw new Error('my check'); }) }), run: () => 1`,
      ),
    });
    const { registry } = await loadJobs(folder);
    const problemOf = (name: string, body: unknown) => {
      const reading = registry.byName(name)?.readFlat(body);
      return reading?.success ? undefined : reading?.issues[0]?.message;
    };
    assert.equal(problemOf('any', { x: nested(399) }), undefined);
    for (const levels of [400, 5000, 30_000])
      assert.equal(problemOf('any', { x: nested(levels) }), 'must be at most 400 levels deep');
    assert.equal(problemOf('broken', { a: 'x' }), 'cannot be checked: my check');
  });
});

const wrongFields: [string, RegExp][] = [
  [`name: 'Resize', ${args}`, /name must be a small letter/],
  [`name: 'batch', ${args}`, /name is the name of a route/],
  [`name: 'stream', ${args}`, /name is the name of a route/],
  [args, /name must be a text/],
  [`name: 'r', jobtype: 'a\\nb', ${args}`, /jobtype must be 1 to 200 characters/],
  [`name: 'r', queue: 'a b', ${args}`, /queue must be 1 to 100 of/],
  [`name: 'r', queue: 'dead', ${args}`, /queue must not be dead/],
  [`name: 'r', retry: 1.5, ${args}`, /retry must be a whole number/],
  [`name: 'r', retry: -2, ${args}`, /retry must be at least -1/],
  [`name: 'r', reserveFor: 59, ${args}`, /reserveFor must be at least 60/],
  [`name: 'r', reserveFor: 86401, ${args}`, /reserveFor must be at most 86,400/],
  [`name: 'r', timeoutSeconds: 51, ${args}`, /timeoutSeconds must be at most reserveFor - 10, here 50/],
  [`name: 'r', timeoutSeconds: '1', ${args}`, /timeoutSeconds must be a number/],
  [`name: 'r', compress: 1, ${args}`, /compress must be true or false/],
  [`name: 'r', run: 1, ${args}`, /run must be a function/],
  [`name: 'r', retries: 3, ${args}`, /retries is no field of a definition/],
  [`name: 'r'`, /args must be a schema of zod 4/],
  [`name: 'r', args: { width: 1 }`, /args must be a schema of zod 4/],
  [`name: 'r', args: z.string()`, /args must be an object or a tuple/],
  [`name: 'r', args: z.object({ a: z.date() })`, /args cannot be expressed as JSON Schema/],
  [`name: 'r', args: z.object({ a: z.string().transform(Number) })`, /args cannot be expressed as JSON Schema/],
  [`name: 'r', args: z.object({ a: z.bigint() })`, /args cannot be expressed as JSON Schema/],
  [`name: 'r', args: z.object({ a: z.string().refine(async () => true) })`, /args has an asynchronous check/],
  [`name: 'r', args: z.object({ a: z.array(z.object({ b: z.int().refine(async () => true) })) })`, /asynchronous/],
  [`name: 'r', ${args}, result: z.map(z.string(), z.int())`, /result cannot be expressed as JSON Schema/],
  ...['args', 'jobtype', 'operation', 'request_id'].map((name): [string, RegExp] => [
    `name: 'r', args: z.object({ ${name}: z.string() })`,
    new RegExp(`args\\.${name} has a name that the flat form`),
  ]),
  [`name: 'r', ${args}, examples: [{ args: { width: 0 } }]`, /examples\.0\.args\.width Too small/],
  [`name: 'r', ${args}, result: z.int(), examples: [{ args: { width: 1 }, result: 'x' }]`, /examples\.0\.result/],
  [`name: 'r', ${args}, examples: [{ arguments: {} }]`, /examples\.0/],
];

describe('a definition', () => {
  for (const [fields, message] of wrongFields) {
    it(`is refused, with file and line: ${fields}`, async (t) => {
      const run = fields.includes('run:') ? '' : ', run: () => 1';
      const problems = await problemsOf(t, { 'r.mjs': define(fields + run) });
      assert.match(problems.join('\n'), message);
      assert.match(problems[0] ?? '', /^r\.mjs:3: /);
    });
  }

  it('is refused when another one has its name or jobtype, or a built-in type has', async (t) => {
    const problems = await problemsOf(t, {
      'a.mjs': define(`name: 'a', ${args}, run: () => 1`),
      'b.mjs': define(`name: 'b', jobtype: 'a', ${args}, run: () => 1`),
      'c.mjs': define(`name: 'add', jobtype: 'math_divide', ${args}, run: () => 1`),
    });
    assert.deepEqual(problems, [
      'c.mjs: name add is used by a built-in type already',
      'b.mjs: jobtype a is used by a.mjs already',
      'c.mjs: jobtype math_divide is used by a built-in type already',
    ]);
  });

  it('without run is refused in the queue of a type that our workers run', async (t) => {
    const problems = await problemsOf(t, { 'a.mjs': define(`name: 'a', ${args}`) });
    assert.match(problems[0] ?? '', /^a\.mjs: has no run, and the type \w+, which has one, uses its queue default/);
  });

  it('is refused in a queue where a type has slots of its own and another has not', async (t) => {
    const own = `${args}, ownSlots: true, run: () => 1`;
    const problems = await problemsOf(t, {
      'a.mjs': define(`name: 'a', ${own}`),
      'b.mjs': define(`name: 'b', queue: 'slow', ${own}`),
      'c.mjs': define(`name: 'c', queue: 'slow', ${own}`),
      'd.mjs': define(`name: 'd', queue: 'both', ${own}`),
      'e.mjs': define(`name: 'e', queue: 'both', ${args}, run: () => 1`),
    });
    assert.deepEqual(problems, [
      'a.mjs: ownSlots is true, and false for the type add, which uses its queue default as well',
      'd.mjs: ownSlots is true, and false for the type e, which uses its queue both as well',
      'e.mjs: ownSlots is false, and true for the type d, which uses its queue both as well',
    ]);
  });

  it('that is no module to Node is refused with what to do', async (t) => {
    const folder = await folderOf(t, { 'a.js': define(`name: 'a', ${args}, run: () => 1`) });
    await writeFile(join(folder, 'package.json'), '{"type":"commonjs"}');
    const error = await loadJobs(folder).catch((reason: unknown) => reason);
    assert.ok(error instanceof JobsError);
    assert.match(error.problems[0] ?? '', /^a\.js.*outside a module \(in package.json write "type": "module", or/);
  });

  it('is refused when its file throws, has no definition, or others may write to it; all files are told of', async (t) => {
    const folder = await folderOf(t, {
      'broken.mjs': 'const = 1;',
      'ends.mjs': 'process.exit(0);',
      'missing.mjs': `await import('no-such-package');`,
      'none.mjs': 'export default {};',
      'open.mjs': define(`name: 'open', ${args}, run: () => 1`),
      'text.mjs': `throw 'a text';`,
      'throws.mjs': `\n\nthrow new RangeError('too far');`,
    });
    await chmod(join(folder, 'open.mjs'), 0o666);
    const error = await loadJobs(folder).catch((reason: unknown) => reason);
    assert.ok(error instanceof JobsError);
    const [broken, ends, missing, none, open, text, throws] = error.problems;
    assert.equal(ends, 'ends.mjs:3: it throws Error: process.exit was called');
    assert.match(broken ?? '', /^broken\.mjs:3: it cannot be read: Unexpected token/);
    assert.match(missing ?? '', /^missing\.mjs: it throws .*no-such-package.*\(npm install no-such-package\?\)$/);
    assert.equal(none, 'none.mjs: the default export is not made by defineJob');
    assert.match(open ?? '', /^open\.mjs: every user of this machine may write to it/);
    assert.equal(text, 'text.mjs: it throws a text');
    assert.equal(throws, 'throws.mjs:5: it throws RangeError: too far');
  });

  it('in TypeScript needs a Node that reads it', async (t) => {
    const folder = await folderOf(t, { 'typed.ts': define(`name: 'typed' as string, ${args}, run: () => 1`) });
    const loaded = loadJobs(folder);
    if ('typescript' in process.features && process.features.typescript)
      assert.ok((await loaded).registry.byName('typed'));
    else await assert.rejects(loaded, /typed\.ts: Node .* does not read TypeScript; 22\.18 and newer do/);
  });
});
