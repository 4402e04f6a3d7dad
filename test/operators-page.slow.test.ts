// The commands of docs/operators.md print what the page shows: the same fields, words and lines, whatever the numbers, times
// and ids.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { cli } from './cli/cli.ts';
import { createJobsFolder } from './helpers/jobs-folder.ts';
import { pathOf } from './helpers/paths.ts';
import { get, post, startService } from './helpers/service.ts';
import { createSuite } from './helpers/suite.ts';
import { until } from './helpers/until.ts';

const resize = `import { readFile } from 'node:fs/promises';
import { defineJob, z } from 'work-factory';
export default defineJob({
  name: 'resize', queue: 'images', retry: -1, args: z.object({ path: z.string() }), run: ({ path }) => readFile(path),
});`;

interface Sample {
  command: string;
  printed: string;
}

function samples(): Sample[] {
  const page = readFileSync(pathOf('docs/operators.md'), 'utf8');
  const blocks = [...page.matchAll(/^```console\n(.*?)^```$/gms)].map(([, block]) => block as string);
  return blocks.flatMap((block) =>
    [...block.matchAll(/^\$ (.+)\n((?:(?!\$ ).*\n)*)/gm)].map(([, command = '', printed = '']) => ({
      command,
      printed,
    })),
  );
}

/** Without what differs from run to run. */
const masked = (printed: string): string =>
  printed
    .trimEnd()
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, 'ID')
    .replaceAll(/"\d{13}-\d+"/g, '"CURSOR"')
    .replaceAll(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME')
    .replaceAll(/(?<![\w/])\d+(\.\d+)?(?![\w.])/g, '0');

describe('docs/operators.md', { concurrency: false }, () => {
  const suite = createSuite();
  const folder = mkdtempSync(join(tmpdir(), 'operators-'));
  suite.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
  const copies = join(folder, 'backups');
  let url: string;

  before(async () => {
    const env = { JOBS_DIR: createJobsFolder(suite, { 'resize.mjs': resize }), BACKUP_DIR: copies };
    url = await startService(suite, env).readyUrl();
    await post(`${url}/jobs/add`, { a: 1, b: 2 });
    // The page shows that a second page follows.
    for (let job = 0; job < 2; job++) await post(`${url}/jobs/resize`, { path: '/images/7.png' });
    // Not `total`: it counts a job that is still being stored, which no page has.
    await until('two dead jobs', async () => ((await get(`${url}/sets/dead`)).body['jobs'] as unknown[]).length === 2);
  });

  async function run(command: string): Promise<string> {
    const path = /^curl -s '?localhost:3000(\/[^' ]+)'?$/.exec(command)?.[1];
    if (path !== undefined) return (await fetch(`${url}${path}`)).text();
    const [, args = ''] = /npx work-factory (.+)$/.exec(command) ?? [];
    const [name = '', operand = ''] = args.replaceAll('"', '').replace('$(date +%F)', '2026-11-30').split(' ');
    const isRestore = name === 'restore';
    const told = isRestore ? ['restore', operand.replace('backups', copies)] : [name, operand, '--url', url];
    const { code, out, err } = await cli(told, { env: { DATA_DIR: join(folder, 'data') } });
    assert.deepEqual([code, err], [0, ''], command);
    return out.replace(folder, '.');
  }

  for (const { command, printed } of samples())
    it(`shows what is printed by: ${command}`, async () => {
      assert.equal(masked(await run(command)), masked(printed));
    });

  it('has samples', () => assert.equal(samples().length, 4));
});
