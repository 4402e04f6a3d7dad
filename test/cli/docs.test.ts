// docs/cli.md is true: it has the help of every command. UPDATE_DOCS=1 writes it anew.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { it } from 'node:test';
import { exitCodes } from '../../src/cli/command.ts';
import { commands } from '../../src/cli/commands.ts';
import { commandHelp } from '../../src/cli/help.ts';
import { pathOf } from '../helpers/paths.ts';

const path = pathOf('docs/cli.md');
const text = readFileSync(path, 'utf8');

it('docs/cli.md has the help of every command', async () => {
  const sections = await Promise.all(
    commands.map(async (row) => `## ${row.name}\n\n\`\`\`text\n${commandHelp(row, await row.load())}\n\`\`\``),
  );
  assert.ok(sections.length > 3);
  const updated = text.replace(
    /(<!-- commands -->\n)[^]*?(<!-- \/commands -->)/,
    (_, before: string, after: string) => `${before}\n${sections.join('\n\n')}\n\n${after}`,
  );
  if (process.env['UPDATE_DOCS'] === '1') writeFileSync(path, updated);
  else assert.equal(text, updated, 'run UPDATE_DOCS=1 npm test cli/docs');
});

it('docs/cli.md and the help of each command name exit codes that there are', async () => {
  const listed = [...text.matchAll(/^\| (\d) \|/gm)].map(([, code]) => Number(code));
  assert.deepEqual(listed, Object.values(exitCodes));
  for (const { name, load } of commands) {
    const { exits, examples } = await load();
    assert.ok(exits.done, name);
    for (const example of examples) assert.ok(example.includes(`work-factory ${name}`), example);
  }
});
