// Holds the house's habits: arrows between rooms, sizes, where the environment and the console may be touched, and
// documents in step with the code. Every check first asserts that it found something to check.
// UPDATE_DOCS=1 writes the index of the decisions anew.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import ts from 'typescript';
import { pathOf } from './helpers/paths.ts';

const root = pathOf('.');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

interface Source {
  path: string;
  text: string;
  tree: ts.SourceFile;
}

const sourcesIn = (folder: string): Source[] =>
  readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.includes('node_modules'))
    .map((file) => {
      const path = `${folder}/${file}`;
      const text = read(path);
      return { path, text, tree: ts.createSourceFile(path, text, ts.ScriptTarget.ES2022, true) };
    });

const sources = sourcesIn('src');

const importsOf = ({ path, tree }: Source): string[] =>
  tree.statements
    .filter((statement) => ts.isImportDeclaration(statement) || ts.isExportDeclaration(statement))
    .map((statement) => statement.moduleSpecifier)
    .filter((specifier) => specifier !== undefined && ts.isStringLiteral(specifier))
    .map(({ text }) => (text.startsWith('.') ? join(path, '..', text) : text));

/** `src/http/routes/jobs.ts` is of the room `http`; `src/index.ts` is its own. */
const roomOf = (path: string): string => /^src\/([^/]+)\//.exec(path)?.[1] ?? path.replace(/^src\//, '');

// Which rooms and packages each room may import, besides its own files.
const arrows: Readonly<Record<string, readonly string[]>> = {
  domain: ['zod', 'node:assert', 'node:crypto', 'node:zlib'],
  http: [
    'domain',
    'metrics',
    'fastify',
    'fastify-plugin',
    '@fastify/',
    'fastify-type-provider-zod',
    'fast-json-stringify',
    'pino',
    'zod',
    'node:',
  ],
  enqueue: ['domain'],
  // Only types of these: it runs in the process of a caller.
  client: ['domain', 'zod'],
  faktory: ['domain', 'faktory-worker', 'generic-pool', 'node:'],
  worker: ['domain', 'handlers', 'metrics', 'pino', 'node:'],
  handlers: ['domain', 'jobs', 'zod', 'node:'],
  results: ['domain', 'level-records.ts', 'private-folder.ts', 'classic-level', 'ioredis', 'pino', 'node:'],
  keys: ['domain', 'results', 'ioredis', 'node:'],
  backup: ['domain', 'private-folder.ts', 'node:'],
  broker: ['level-records.ts', 'private-folder.ts', 'node:', 'classic-level'],
  // Only the types of values that are read from variables.
  config: ['domain', 'zod', 'node:fs'],
  // Its patterns are checked where definitions are read.
  cron: ['domain', 'metrics', 'croner', 'pino', 'node:crypto'],
  // The ranges of addresses that http_request must not call.
  jobs: ['domain', 'cron', 'zod', 'ipaddr.js', 'node:'],
  metrics: ['prom-client', 'domain'],
  monitor: ['domain', 'metrics', 'node:'],
  'level-records.ts': ['classic-level'],
  'private-folder.ts': ['node:'],
  supervisor: ['domain', 'pino', 'prom-client', 'node:cluster'],
  roles: [
    'domain',
    'supervisor',
    'http',
    'enqueue',
    'faktory',
    'worker',
    'handlers',
    'results',
    'keys',
    'cron',
    'backup',
    'broker',
    'config',
    'jobs',
    'metrics',
    'monitor',
    'pino',
    'node:',
  ],
  // Of process only the names of the roles, and how the environment is read.
  // Doctor asks what the settings lead to, with the connections that a role would use.
  cli: ['client', 'config', 'domain', 'faktory', 'jobs', 'keys', 'process', 'results', 'roles', 'node:'],
  process: ['roles', 'supervisor', 'config', 'domain', 'jobs', 'dotenv', 'pino', 'node:'],
  'index.ts': ['jobs', 'zod'],
  'main.ts': ['cli', 'process', 'node:'],
};

const matches = (target: string, allowed: string): boolean =>
  target.startsWith('src/')
    ? roomOf(target) === allowed
    : target === allowed || (/[:/]$/.test(allowed) && target.startsWith(allowed));

function filesWhere(predicate: (source: Source) => boolean): string[] {
  assert.ok(sources.length > 20, 'no sources found');
  return sources.filter(predicate).map(({ path }) => path);
}

describe('the house', () => {
  it('lets imports point only where the architecture says', () => {
    const wrong: string[] = [];
    let checked = 0;
    for (const source of sources) {
      const room = roomOf(source.path);
      const allowed = arrows[room];
      assert.ok(allowed, `${source.path} is in a room that the architecture does not know`);
      for (const target of importsOf(source)) {
        checked++;
        const isOwn = target.startsWith('src/') && roomOf(target) === room;
        if (!isOwn && !allowed.some((name) => matches(target, name))) wrong.push(`${source.path} imports ${target}`);
      }
    }
    assert.ok(checked > 50, 'no imports found');
    assert.deepEqual(wrong, []);
  });

  it('imports only types into the client, which runs where callers are', () => {
    const own = sources.filter(({ path }) => roomOf(path) === 'client');
    assert.ok(own.length > 5);
    const wrong = own.flatMap(({ path, tree }) =>
      tree.statements
        .filter((statement) => ts.isImportDeclaration(statement))
        .filter(({ moduleSpecifier: from }) => ts.isStringLiteral(from) && !from.text.startsWith('./'))
        .filter(({ importClause }) => importClause?.phaseModifier !== ts.SyntaxKind.TypeKeyword)
        .map((statement) => `${path}: ${statement.getText(tree)}`),
    );
    assert.deepEqual(wrong, []);
  });

  it('keeps files below 250 lines and half of them below 100', () => {
    const lengths = sources.map(({ text }) => text.split('\n').length).sort((a, b) => a - b);
    assert.deepEqual(
      filesWhere(({ text }) => text.split('\n').length > 251),
      [],
    );
    assert.ok((lengths[lengths.length >> 1] as number) <= 100);
  });

  it('has no import circles, of types neither', () => {
    const all = [...sources, ...sourcesIn('test'), ...sourcesIn('bench')];
    const imports = new Map(all.map((source) => [source.path, importsOf(source)]));
    const done = new Set<string>();
    const circles: string[] = [];
    const visit = (path: string, way: readonly string[]): void => {
      if (way.includes(path)) circles.push([...way.slice(way.indexOf(path)), path].join(' -> '));
      else if (!done.has(path)) for (const target of imports.get(path) ?? []) visit(target, [...way, path]);
      done.add(path);
    };
    for (const path of imports.keys()) visit(path, []);
    assert.ok(done.size >= all.length);
    assert.deepEqual(circles, []);
  });

  it('keeps functions at most 70 lines long', () => {
    const found: string[] = [];
    let checked = 0;
    for (const { path, tree } of sources) {
      const visit = (node: ts.Node): void => {
        if (ts.isFunctionLike(node)) {
          checked++;
          if (node.getText().split('\n').length > 70) found.push(`${path} ${node.name?.getText() ?? ''}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(tree);
    }
    assert.ok(checked > 100, 'no functions found');
    assert.deepEqual(found, []);
  });

  it('keeps the files of the page as it keeps the others', () => {
    const page = readdirSync(join(root, 'console')).filter((file) => file.endsWith('.js'));
    assert.ok(page.length > 15, 'no files found');
    for (const file of page) {
      const text = read(`console/${file}`);
      assert.match(text, /^\/\/ \S/, file);
      assert.ok(text.split('\n').length <= 251, `${file} is too long`);
      const visit = (node: ts.Node): void => {
        const lines = node.getText().split('\n').length;
        if (ts.isFunctionLike(node)) assert.ok(lines <= 70, `${file} ${node.name?.getText() ?? ''}: ${lines}`);
        ts.forEachChild(node, visit);
      };
      visit(ts.createSourceFile(file, text, ts.ScriptTarget.ES2022, true));
    }
  });

  it('starts every file with what it is', () => {
    assert.deepEqual(
      filesWhere(({ text }) => !/^(#!.*\n)?\/\/ \S/.test(text)),
      [],
    );
  });

  it('reads the environment and writes to the console only in main, and ends processes only at their entries', () => {
    const touches = filesWhere(({ text }) => /process\.env|console\./.test(text));
    assert.deepEqual(touches, ['src/main.ts']);
    const exits = filesWhere(({ text }) => /process\.exit[.(]/.test(text));
    assert.deepEqual(exits.sort(), ['src/handlers/handler-main.ts', 'src/main.ts']);
  });

  it('takes time and randomness as parameters in the rooms that a simulation runs', () => {
    const rooms = filesWhere(({ path }) => /^src\/(faktory|enqueue)\//.test(path));
    assert.ok(rooms.length > 8);
    assert.deepEqual(
      filesWhere(
        ({ path, text }) => rooms.includes(path) && /Date\.now|Math\.random\(|setTimeout\(|performance\./.test(text),
      ),
      [],
    );
  });

  it('names no utils, common or helpers', () => {
    assert.deepEqual(
      filesWhere(({ path }) => /util|common|helper/.test(path)),
      [],
    );
  });

  it('does not silence the types', () => {
    assert.deepEqual(
      filesWhere(({ text }) => /\bas any\b|: any\b|@ts-/.test(text)),
      [],
    );
  });
});

describe('the documents', () => {
  const namesIn = (folder: string): string[] => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
  const documents = [
    ...readdirSync(root).filter((file) => file.endsWith('.md')),
    ...namesIn('docs')
      .filter((file) => file.endsWith('.md'))
      .map((file) => `docs/${file}`),
  ];
  const scripts = Object.keys((JSON.parse(read('package.json')) as { scripts: object }).scripts);

  /** As GitHub makes them of headings. */
  const anchorsOf = (document: string): string[] =>
    [...read(document).matchAll(/^#+ (.+)$/gm)].map(([, heading]) =>
      (heading as string)
        .toLowerCase()
        .replace(/[^\p{L}\p{N}\s_-]/gu, '')
        .replace(/\s/g, '-'),
    );

  it('name only scripts that exist', () => {
    let checked = 0;
    for (const document of documents) {
      for (const [, name] of read(document).matchAll(/npm (?:run )?(start|test|run [a-z:]+|[a-z]+:[a-z:]+)/g)) {
        checked++;
        const script = (name as string).replace(/^run /, '');
        assert.ok(scripts.includes(script), `${document} names npm run ${script}`);
      }
    }
    assert.ok(checked > 3, 'no scripts named');
  });

  it('link only to files and headings that exist', () => {
    let checked = 0;
    for (const document of documents) {
      for (const [, file, anchor] of read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
        checked++;
        const target = file === '' ? document : join(document, '..', file as string);
        assert.ok(existsSync(join(root, target)), `${document} links to ${target}`);
        if (anchor !== undefined)
          assert.ok(anchorsOf(target).includes(anchor), `${document} links to ${target}#${anchor}`);
      }
    }
    assert.ok(checked > 50, 'no links found');
  });

  it('name only files that exist', () => {
    let checked = 0;
    for (const document of documents) {
      for (const [, path] of read(document).matchAll(/`((?:src|test|bench|docs|examples|containers)\/[\w./-]*)`/g)) {
        checked++;
        assert.ok(existsSync(join(root, path as string)), `${document} names ${path}`);
      }
    }
    assert.ok(checked > 30, 'no files named');
  });

  it('show every room in the architecture, and the picture as its text has it', () => {
    const architecture = read('docs/architecture.md');
    const rooms = readdirSync(join(root, 'src'));
    assert.deepEqual(
      rooms.filter((room) => !architecture.includes(`\`src/${room}\``)),
      [],
    );
    const labels = (text: string): string[] => text.match(/src\/[\w./-]*\w/g) ?? [];
    const [drawn, written] = [
      labels(read('docs/architecture.svg').replaceAll('&#45;', '-')),
      labels(read('docs/architecture.dot')),
    ];
    assert.ok(written.length > 5, 'no rooms drawn');
    for (const path of written) {
      assert.ok(existsSync(join(root, path)), `the picture names ${path}`);
      assert.ok(drawn.includes(path), `${path} is not in the picture: make it again`);
    }
  });

  it('exist where the code and its configuration name them', () => {
    const files = [
      ...['src', 'test', 'bench', '.ci', 'containers', 'examples'].flatMap((folder) =>
        namesIn(folder).map((file) => join(folder, file)),
      ),
      ...readdirSync(root).filter((file) => /^(docker-compose|Dockerfile|\.env|eslint|package\.json)/.test(file)),
    ].filter((file) => !file.includes('node_modules') && statSync(join(root, file)).isFile());
    let checked = 0;
    for (const file of files) {
      for (const [path] of read(file).matchAll(/\bdocs\/[\w/-]+\.md\b/g)) {
        checked++;
        assert.ok(existsSync(join(root, path)), `${file} names ${path}`);
      }
    }
    assert.ok(checked > 10, 'no documents named');
  });
});

describe('the glossary', () => {
  const glossary = read('docs/glossary.md');
  const rows = [...glossary.matchAll(/^\| .+ \| .+ \| (.+) \|$/gm)].slice(2).map(([, words]) => words as string);

  it('has answer as a verb only: HTTP says response, FWP says reply', () => {
    const noun =
      /\b(?:an?|the|no|its|their|these|each|one|any|clear|same|last|next|kept|large|good|false|slowest|HTTP) answers?\b/i;
    const all = [...sources, ...sourcesIn('test'), ...sourcesIn('bench')];
    let checked = 0;
    for (const { path, text, tree } of all) {
      assert.ok(!path.includes('answer'), path);
      assert.doesNotMatch(text, noun, path);
      const visit = (node: ts.Node): void => {
        if (ts.isIdentifier(node) || ts.isPrivateIdentifier(node)) {
          checked++;
          // A label of a metric.
          assert.ok(node.text === 'answering' || !/answer/i.test(node.text), `${path} has the name ${node.text}`);
        }
        ts.forEachChild(node, visit);
      };
      visit(tree);
    }
    assert.ok(checked > 20_000, 'no names found');
  });

  it('is short, and keeps abandoned words out of the code', () => {
    assert.ok(glossary.trimEnd().split('\n').length <= 30);
    const abandoned = rows.flatMap((row) => row.split(', ')).filter((word) => !word.startsWith('_'));
    assert.ok(abandoned.length > 20, 'no words found');
    for (const { path, text } of sources) {
      // leaseMs is two words.
      const words = `${path} ${text}`.replace(/(?<=[a-z])(?=[A-Z])/g, ' ').toLowerCase();
      for (const word of abandoned)
        assert.ok(!new RegExp(`\\b${word.replaceAll(' ', '[ -]')}s?\\b`).test(words), `${path} says ${word}`);
    }
  });
});

describe('the decisions', () => {
  const folder = 'docs/decisions';
  const form =
    /^# (\d{4})\. (.+)\n\nDate: (\d{4}-\d\d-\d\d)\. Status: (.+)\.\n\n## Context\n\n[^]+\n\n## Decision\n\n[^]+\n\n## Consequences\n\n[^]+\n$/;
  // guide.md is a list that decision 6 belongs to.
  const decisions = readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.md') && !['README.md', 'guide.md'].includes(file))
    .sort()
    .map((file) => {
      const text = read(`${folder}/${file}`);
      const [, number, title, date, status] = form.exec(text) ?? assert.fail(`${file} has not the form of a decision`);
      return { file, text, number, title, date, status };
    });

  it('are numbered in the order of their dates, and half a page long', () => {
    assert.ok(decisions.length > 10, 'no decisions found');
    for (const [index, { file, text, number }] of decisions.entries()) {
      assert.equal(file.slice(0, 4), number);
      assert.equal(Number(number), index + 1);
      assert.ok(text.length <= 3000, `${file} has ${text.length} characters`);
      assert.equal(text.match(/^## /gm)?.length, 3, `${file} has other sections`);
    }
    const dates = decisions.map(({ date }) => date);
    assert.deepEqual(dates, [...dates].sort());
  });

  it('are listed', () => {
    const index = `${folder}/README.md`;
    const rows = decisions.map(
      ({ file, number, title, date, status }) => `| [${number}](${file}) | ${title} | ${date} | ${status} |`,
    );
    const table = ['| | Decision | Date | Status |', '| --- | --- | --- | --- |', ...rows].join('\n');
    const updated = read(index).replace(
      /(<!-- decisions -->\n)[^]*?(<!-- \/decisions -->)/,
      (_, before: string, after: string) => `${before}\n${table}\n\n${after}`,
    );
    if (process.env['UPDATE_DOCS'] === '1') writeFileSync(join(root, index), updated);
    else assert.equal(read(index), updated, 'run UPDATE_DOCS=1 npm test tidy');
  });
});
