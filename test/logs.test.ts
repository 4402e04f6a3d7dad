// docs/logs.md lists every field that the program writes into its log.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import ts from 'typescript';
import { pathOf } from './helpers/paths.ts';

const levels = new Set(['debug', 'info', 'warn', 'error', 'fatal', 'trace']);

/** Names of the first argument of each call such as `log.warn({ jid }, 'text')`. */
function fieldsIn(path: string): string[] {
  const tree = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.ES2022, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    ts.forEachChild(node, visit);
    if (!ts.isCallExpression(node) || !ts.isPropertyAccessExpression(node.expression)) return;
    const [fields] = node.arguments;
    if (!levels.has(node.expression.name.text) || !fields || !ts.isObjectLiteralExpression(fields)) return;
    for (const property of fields.properties) if (property.name) found.push(property.name.getText(tree));
  };
  visit(tree);
  return found;
}

it('docs/logs.md lists every field that the program writes', () => {
  const files = readdirSync(pathOf('src'), { recursive: true, encoding: 'utf8' }).filter((file) =>
    file.endsWith('.ts'),
  );
  const written = new Set(files.flatMap((file) => fieldsIn(join(pathOf('src'), file))));
  assert.ok(written.size > 15, 'no fields found');
  const rows = [...readFileSync(pathOf('docs/logs.md'), 'utf8').matchAll(/^\| (`.+?) \| /gm)].map(
    ([, names]) => names as string,
  );
  const listed = new Set(rows.flatMap((names) => [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name as string)));
  assert.deepEqual([...written].filter((name) => !listed.has(name)).sort(), []);
});
