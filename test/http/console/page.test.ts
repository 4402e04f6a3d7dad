// The files of the console, and the headers that they come with.
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import type { ConsoleOptions } from '../../../src/http/console/routes.ts';
import { build } from '../../helpers/app.ts';
import { idleOperator } from '../../helpers/idle-operator.ts';
import { pathOf } from '../../helpers/paths.ts';

const on: ConsoleOptions = { poll: { look: async () => undefined }, troubles: () => [], about: {} };
const folder = pathOf('console');
const files = readdirSync(folder).filter((name) => /\.(html|css|js|svg)$/.test(name));
const read = (name: string): string => readFileSync(`${folder}/${name}`, 'utf8');

describe('the page', () => {
  it('is at /, wants no key and has nothing but its own files', async (t) => {
    const { get } = build(t, { console: on, operator: idleOperator, apiKeys: ['k'.repeat(16)], adminKeys: ['a'.repeat(16)] }); // prettier-ignore
    const page = await get('/');
    assert.deepEqual([page.statusCode, page.headers['content-type']], [200, 'text/html; charset=utf-8']);
    const linked = [...page.payload.matchAll(/(?:src|href)="([^"#][^"]*)"/g)].map(([, file]) => file as string);
    assert.ok(linked.length > 3);
    for (const file of linked) {
      // A proxy may strip a prefix.
      assert.match(file, /^(console\/[\w.-]+|docs\/\w*)$/);
      assert.equal((await get(`/${file}`)).statusCode, 200, file);
    }
  });

  it('comes under a policy that lets nothing in and makes no text markup', async (t) => {
    const { get } = build(t, { console: on });
    for (const path of ['/', ...files.map((name) => `/console/${name}`)]) {
      const { headers, statusCode } = await get(path);
      assert.equal(statusCode, 200, path);
      const policy = new Map(
        String(headers['content-security-policy'])
          .split('; ')
          .map((rule) => rule.split(/ (.*)/, 2) as [string, string]),
      );
      assert.equal(policy.get('default-src'), "'none'");
      for (const rule of ['script-src', 'style-src', 'img-src', 'connect-src'])
        assert.equal(policy.get(rule), "'self'");
      for (const rule of ['base-uri', 'form-action', 'frame-ancestors']) assert.equal(policy.get(rule), "'none'");
      assert.equal(policy.get('require-trusted-types-for'), "'script'");
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['referrer-policy'], 'no-referrer');
      assert.equal(headers['cache-control'], 'no-cache');
    }
  });

  it('is not sent again to who has it', async (t) => {
    const { get } = build(t, { console: on });
    const { headers } = await get('/console/main.js');
    const again = await get('/console/main.js', { 'if-none-match': String(headers.etag) });
    assert.deepEqual([again.statusCode, again.payload], [304, '']);
    assert.equal((await get('/console/main.js', { 'if-none-match': '"other"' })).statusCode, 200);
  });

  it('has no other file of its folder, and no other folder', async (t) => {
    const { get, post } = build(t, { console: on });
    for (const path of [
      '/console/tsconfig.json',
      '/console/..%2fpackage.json',
      '/console/__proto__',
      '/console/',
      '/console',
    ])
      assert.equal((await get(path)).statusCode, 404, path);
    assert.equal((await post('/console/main.js', {})).statusCode, 405);
  });

  it('is not there with CONSOLE=off: / leads to the API document', async (t) => {
    const { get } = build(t, { console: undefined, operator: idleOperator });
    const { statusCode, headers } = await get('/');
    assert.deepEqual([statusCode, headers.location], [302, 'docs/']);
    for (const path of ['/console/index.html', '/console/main.js', '/console/events'])
      assert.equal((await get(path)).statusCode, 404, path);
  });

  it('leaves the API document as it is', async (t) => {
    assert.doesNotMatch(
      (await build(t, { console: on, operator: idleOperator }).get('/openapi.json')).payload,
      /console/,
    );
  });
});

describe('the files of the page', () => {
  const scripts = files.filter((name) => name.endsWith('.js'));

  it('write text as text', () => {
    assert.ok(scripts.length > 10);
    const unsafe =
      /innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|createContextualFragment|DOMParser|srcdoc|\beval\b|new Function|javascript:|cssText|setAttribute\(['"]style/;
    for (const name of scripts) assert.ok(!unsafe.test(read(name)), name);
  });

  it('load and ask nothing elsewhere, and no absolute path', () => {
    for (const name of files) {
      const text = read(name).replaceAll('http://www.w3.org/2000/svg', '');
      assert.doesNotMatch(text, /https?:\/\/\w|url\(|@import|(?:src|href)="\//, name);
    }
    for (const name of scripts) assert.ok(!/(?:fetch|get|post|send)\(\s*(?:'\w+',\s*)?['"`]\//.test(read(name)), name);
  });

  it('import only each other', () => {
    for (const name of scripts)
      for (const [, from] of read(name).matchAll(/^(?:import|export) .*from '([^']+)'/gm))
        assert.ok(files.includes((from as string).replace('./', '')), `${name} imports ${from}`);
  });

  it('have no style and no script within the page', () => {
    assert.doesNotMatch(read('index.html'), /<style|<script(?![^>]*src=)|\son\w+=|\sstyle=/);
  });
});
