// The README is true: its commands are run and its responses compared. docs/configuration.md has the table of the variables.
// UPDATE_DOCS=1 writes the table anew.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { relations } from '../src/config/load.ts';
import { variableNames, variables } from '../src/config/variables.ts';
import { optionFields } from '../src/http/entries/job-options.ts';
import { loadJobs } from '../src/jobs/load-jobs.ts';
import { execChild } from './helpers/children.ts';
import { createJobsFolder } from './helpers/jobs-folder.ts';
import { startService } from './helpers/service.ts';
import { nodeArgs, pathOf, programOf } from './helpers/paths.ts';

const readme = readFileSync(pathOf('README.md'), 'utf8');

const idPattern = /[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const timePattern = /\d{4}-\d\d-\d\dT[\d:.]+Z/g;
const withoutIdsAndTimes = (text: string): unknown =>
  JSON.parse(text.replace(idPattern, 'ID').replace(timePattern, 'TIME'));

function environmentTable(): string {
  const rows = variableNames.map((name) => {
    const variable: { unit: string; reason: string; default?: string } = variables[name];
    return `| ${name} | ${variable.default ?? ''} | ${variable.unit} | ${variable.reason.replaceAll('|', '\\|')} |`;
  });
  return ['| Variable | Default | Unit | |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

const relationList = (): string =>
  relations.map(({ variables: names, accepts }) => `- ${names.join(', ')}: ${accepts}.`).join('\n');

describe('docs/configuration.md', () => {
  it('lists every variable of the environment, and the rules between them', () => {
    const path = pathOf('docs/configuration.md');
    const text = readFileSync(path, 'utf8');
    const parts = { environment: environmentTable(), relations: relationList() };
    let updated = text;
    for (const [name, part] of Object.entries(parts)) {
      const marks = new RegExp(`(<!-- ${name} -->\\n)[\\s\\S]*?(<!-- /${name} -->)`);
      assert.match(text, marks);
      updated = updated.replace(marks, (_, before: string, after: string) => `${before}\n${part}\n\n${after}`);
    }
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, updated);
    else assert.equal(text, updated, 'run UPDATE_DOCS=1 npm test readme');
  });
});

describe('the README', () => {
  it('has at most 120 lines', () => {
    assert.ok(readme.trimEnd().split('\n').length <= 120);
  });

  it('has the figures of docs/benchmarks.md', () => {
    const figures = /stores ([\d,]+) single jobs\/s.*or ([\d,]+) jobs\/s in batches.* read in ([\d.]+) ms/.exec(readme);
    const [singles, batches, endToEnd] = figures?.slice(1) ?? assert.fail('no figures');
    const measured = readFileSync(pathOf('docs/benchmarks.md'), 'utf8');
    for (const figure of [singles, batches]) assert.ok(measured.includes(`all in one process | ${figure} (`), figure);
    assert.ok(measured.includes(`| post to result | ${endToEnd} (`), endToEnd);
  });

  it('shows commands that give the responses that it shows', async (t) => {
    const [, hello] = /`jobs\/hello\.mjs`[\s\S]*?```js\n([\s\S]*?)```/.exec(readme) ?? [];
    const folder = createJobsFolder(t, { 'hello.mjs': hello ?? assert.fail('no jobs/hello.mjs') });
    const url = await startService(t, { JOBS_DIR: folder }).readyUrl();
    const pairs = [...readme.matchAll(/```sh\n(curl [\s\S]*?)\n```\n\n```json\n([\s\S]*?)\n```/g)];
    assert.equal(pairs.length, 5);
    let jobId = '';
    let helloId = '';
    for (const [, command, response] of pairs) {
      const { stdout } = await execChild('sh', ['-c', (command as string).replaceAll('http://localhost:3000', url)], {
        env: { PATH: process.env['PATH'] ?? '', JOB_ID: jobId },
      });
      assert.deepEqual(withoutIdsAndTimes(stdout), withoutIdsAndTimes(response as string));
      jobId = /"job_id":"([^"]+)"/.exec(stdout)?.[1] ?? jobId;
      if (command?.includes('/jobs/hello')) helloId = jobId;
    }
    const state = (await (await fetch(`${url}/jobs/${helloId}?wait=5`)).json()) as { result: string };
    assert.equal(state.result, /Its result will be `"(.*?)"`/.exec(readme)?.[1]);

    const [, shown = assert.fail('no command'), ...others] = readme.match(/^npx work-factory (.*)$/m) ?? [];
    assert.deepEqual(others, []);
    const program = [...nodeArgs, programOf('src/main.ts')].map((arg) => `'${arg}'`).join(' ');
    const { stdout } = await execChild('sh', ['-c', `"$NODE" ${program} ${shown}`], {
      env: { PATH: process.env['PATH'] ?? '', NODE: process.execPath, WORK_FACTORY_URL: url },
    });
    assert.equal(JSON.parse(stdout), state.result);
  });
});

describe('docs/jobs.md', () => {
  it('shows a definition that can be used, and names every field of a definition', async (t) => {
    const text = readFileSync(pathOf('docs/jobs.md'), 'utf8');
    const [, definition] = /```js\n([\s\S]*?)```/.exec(text) ?? [];
    const { definitions } = await loadJobs(createJobsFolder(t, { 'resize.mjs': definition ?? assert.fail('no code') }));
    const fields = Object.keys(definitions.get('resize') ?? {});
    const listed = [...(text.split('\n## ')[0] as string).matchAll(/^\| `(\w+)` \|/gm)].map(
      ([, field]) => field as string,
    );
    assert.deepEqual(listed.sort(), fields.sort());
  });

  it('names every option of a job', () => {
    const text = readFileSync(pathOf('docs/jobs.md'), 'utf8');
    const [, options] = /\n## Options\n([\s\S]*?)\n## Files\n/.exec(text) ?? assert.fail('no options');
    const rows = [...(options as string).matchAll(/^\| (`\w+`(?:, `\w+`)*) \|/gm)];
    const listed = rows.flatMap(([, names]) => (names as string).replaceAll('`', '').split(', '));
    assert.deepEqual(listed.sort(), Object.keys(optionFields).sort());
  });
});
