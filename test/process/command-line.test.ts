// What the program does at once, and what it leaves to src/cli; and that a start loads none of that.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { before, describe, it } from 'node:test';
import { programHelp } from '../../src/cli/help.ts';
import { variables } from '../../src/config/variables.ts';
import { readCommandLine, roleNames } from '../../src/process/command-line.ts';
import { nodeArgs, pathOf, programOf } from '../helpers/paths.ts';
import { spawnChild } from '../helpers/children.ts';
import { startService } from '../helpers/service.ts';
import { createSuite } from '../helpers/suite.ts';

describe('the command line', () => {
  it('starts a role, or without one lets the environment choose', () => {
    assert.deepEqual(readCommandLine([]), { kind: 'start', role: undefined });
    for (const role of roleNames) assert.deepEqual(readCommandLine([role]), { kind: 'start', role });
  });

  it('leaves everything else to the commands, mistakes too', () => {
    for (const args of [
      ['--help'],
      ['worker', '--help'],
      ['api', 'worker'],
      ['apis'],
      ['toString'],
      ['jobs', 'check'],
      [''],
    ])
      assert.deepEqual(readCommandLine(args), { kind: 'command' });
    assert.deepEqual(readCommandLine(['health-check']), { kind: 'health-check' });
  });
});

describe('a start', () => {
  /** The files that a file loads before it runs. */
  function loadedWith(file: string, seen = new Set<string>()): Set<string> {
    if (seen.has(file)) return seen;
    seen.add(file);
    const imports = /^(?:import|export) (?!type\b)(?:[^;']* from )?'(\.[^']+)';/gm;
    for (const [, path] of readFileSync(pathOf(file), 'utf8').matchAll(imports))
      loadedWith(join(file, '..', path as string), seen);
    return seen;
  }

  const roleFiles = ['all-in-one', 'api', 'api-processes', 'worker', 'broker'].map((name) => `src/roles/${name}.ts`);

  it('loads nothing of the commands, nor of the client', () => {
    const files = ['src/main.ts', 'src/process/program.ts', ...roleFiles].flatMap((file) => [...loadedWith(file)]);
    assert.ok(files.length > 100, 'no files found');
    assert.deepEqual(
      files.filter((file) => /^src\/(cli|client)\//.test(file)),
      [],
    );
  });

  it('loads no other role', () => {
    const loaded = (file: string, rooms: RegExp): string[] => [...loadedWith(file)].filter((name) => rooms.test(name));
    assert.deepEqual(loaded('src/process/program.ts', /^src\/(http|worker|broker|faktory|enqueue)\//), []);
    assert.deepEqual(loaded('src/roles/worker.ts', /^src\/(http|broker|enqueue)\//), []);
    assert.deepEqual(loaded('src/roles/broker.ts', /^src\/(http|worker|faktory|enqueue)\//), []);
    assert.deepEqual(loaded('src/roles/api-processes.ts', /^src\/(http|worker|broker|faktory|enqueue)\//), []);
  });

  it('of a command loads none of the service', () => {
    const commands = ['enqueue', 'status', 'jobs'].map((name) => `src/cli/commands/${name}.ts`);
    const files = ['src/main.ts', 'src/cli/run.ts', ...commands].flatMap((file) => [...loadedWith(file)]);
    assert.deepEqual(
      files.filter((file) => /^src\/(http|roles|jobs|config|broker|faktory|enqueue)\//.test(file)),
      [],
    );
  });
});

describe('the help', () => {
  it('names every role and only variables that exist', () => {
    const text = programHelp('1.2.3');
    assert.match(text, /^Work Factory 1\.2\.3: /);
    for (const role of roleNames) assert.match(text, new RegExp(`^ {2}${role} `, 'm'));
    const ofCommands = ['WORK_FACTORY_URL', 'WORK_FACTORY_API_KEY'];
    for (const [name] of text.matchAll(/\b[A-Z]{3,}_[A-Z_]+\b/g))
      assert.ok(name in variables || ofCommands.includes(name), name);
  });
});

describe('the program', () => {
  const runs: [string, number, RegExp][] = [
    ['--help', 0, /^Usage: work-factory/m],
    ['--version', 0, /^\d+\.\d+\.\d+$/],
    ['apis', 2, /there is no command "apis"/],
  ];
  for (const [argument, code, printed] of runs) {
    it(`ends with code ${code} at ${argument}, and starts nothing`, async (t) => {
      const service = startService(t, {}, argument);
      assert.equal(await service.exited, code);
      assert.match(service.lines.map(({ msg }) => msg).join('\n'), printed);
    });
  }
});

describe('a command of the program', () => {
  const main = programOf('src/main.ts');
  const suite = createSuite();
  let url: string;
  before(async () => (url = await startService(suite).readyUrl()));

  it('ends in silence when the reader of its output has gone, as head does', async (t) => {
    const ids = Array.from({ length: 20 }, (_, index) => `job-0000000${index}`);
    const args = ['status', ...ids, '--url', url];
    const child = spawnChild(process.execPath, [...nodeArgs, main, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
    t.after(() => void child.kill('SIGKILL'));
    child.stdout.destroy();
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => void (printed += chunk));
    const [code] = (await once(child, 'close')) as [number];
    assert.deepEqual([code, printed], [0, '']);
  });

  it('at an interrupt says what is known, and ends with 3', async (t) => {
    const args = ['enqueue', 'add', '{"a": 1, "b": 2}', '--delay', '1h', '--wait', '--url', url];
    const child = spawnChild(process.execPath, [...nodeArgs, main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    t.after(() => void child.kill('SIGKILL'));
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      printed += chunk;
      if (/Job enqueued/.test(chunk)) child.kill('SIGINT');
    });
    const [code] = (await once(child, 'close')) as [number];
    assert.equal(code, 3);
    assert.match(printed, /^(\S+) Job enqueued to add 1 \+ 2, for .*\nthe job is enqueued, and its end is not known: /);
  });
});
