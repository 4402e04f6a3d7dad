// HTTP_REQUEST_ALLOW: how its entries are read, and which URLs and addresses they name.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readAllowedHost } from '../../../src/config/allowed-hosts.ts';
import { ConfigError, loadConfig } from '../../../src/config/load.ts';
import { createAllowList } from '../../../src/jobs/http-request/allow-list.ts';
import { allow } from '../../helpers/receiver.ts';

const listOf = (text: string) => createAllowList(allow(text));

describe('an entry', () => {
  const host = { kind: 'host', scheme: 'https', port: 443, trustsAddress: false };
  const forms = {
    'hooks.example.com': { ...host, host: 'hooks.example.com' },
    'Hooks.Example.COM': { ...host, host: 'hooks.example.com' },
    'hooks.example.com:8443': { ...host, host: 'hooks.example.com', port: 8443 },
    'https://hooks.example.com': { ...host, host: 'hooks.example.com' },
    'https://hooks.example.com:443': { ...host, host: 'hooks.example.com', trustsAddress: true },
    'http://hooks.example.com': { ...host, scheme: 'http', host: 'hooks.example.com', port: 80 },
    'http://localhost:8080': { ...host, scheme: 'http', host: 'localhost', port: 8080, trustsAddress: true },
    'http://localhost:80': { ...host, scheme: 'http', host: 'localhost', port: 80, trustsAddress: true },
    '*.example.com': { ...host, host: '*.example.com' },
    'http://*.svc.local:8080': { ...host, scheme: 'http', host: '*.svc.local', port: 8080, trustsAddress: true },
    'münchen.example': { ...host, host: 'xn--mnchen-3ya.example' },
    'my_service': { ...host, host: 'my_service' },
    'https://10.0.0.5:8443': { ...host, host: '10.0.0.5', port: 8443, trustsAddress: true },
    'http://[::1]:8080': { ...host, scheme: 'http', host: '[::1]', port: 8080, trustsAddress: true },
    '10.0.0.0/8': { kind: 'range', range: '10.0.0.0/8' },
    '10.0.0.5': { kind: 'range', range: '10.0.0.5/32' },
    'fd00::/8': { kind: 'range', range: 'fd00::/8' },
    '::1': { kind: 'range', range: '::1/128' },
  }; // prettier-ignore
  for (const [text, entry] of Object.entries(forms))
    it(`${text} is read`, () => assert.deepEqual(readAllowedHost(text), entry));

  const wrong = [
    ...[
      '',
      '*',
      '*.',
      '.',
      'a..b',
      'hooks.example.com.',
      'ftp://hooks.example.com',
      'https://',
      'https://u:p@h',
      'u@h',
    ],
    ...[
      'hooks.example.com/path',
      'https://hooks.example.com/',
      'h?x',
      'h#x',
      'h:0',
      'h:65536',
      'h:',
      'h:http',
      '10.0.0.0/33',
    ],
    ...[
      '*.10.0.0.1',
      '2130706433',
      '0x7f.1',
      '127.1',
      'http://0177.0.0.1',
      '[::1',
      'fe80::1%eth0',
      'a b',
      'a*b',
      '*a.com',
    ],
    ...['http://10.0.0.0/8', 'fd00::/129', 'h\\x'],
  ];
  for (const text of wrong)
    it(`${JSON.stringify(text)} is refused`, () => assert.equal(readAllowedHost(text), undefined));

  it('that is wrong stops the start, with all other problems, and secrets are not printed', () => {
    const env = { HTTP_REQUEST_ALLOW: 'good.example.com,http://bad/path', HTTP_REQUEST_SECRET: 'too-short' };
    assert.throws(
      () => loadConfig(env),
      (error) => {
        assert.ok(error instanceof ConfigError);
        assert.match(error.message, /HTTP_REQUEST_ALLOW: got "good.*"; accepts hosts such as hooks\.example\.com/);
        assert.match(error.message, /HTTP_REQUEST_SECRET: got \(hidden\); accepts one secret, or two/);
        return true;
      },
    );
    const secrets = ['a', 'b', 'c'].map((letter) => letter.repeat(16));
    assert.throws(() => loadConfig({ HTTP_REQUEST_SECRET: secrets.join() }), ConfigError);
    assert.deepEqual(
      loadConfig({ HTTP_REQUEST_SECRET: secrets.slice(1).join() }).HTTP_REQUEST_SECRET,
      secrets.slice(1),
    );
  });
});

describe('a URL', () => {
  const list = listOf(
    'hooks.example.com,*.wild.example,http://localhost:8080,10.0.0.0/8,https://[fd00::1]:8443,alt.example:444',
  );
  const named = [
    ...[
      'https://hooks.example.com',
      'https://hooks.example.com/a?b=c',
      'https://hooks.example.com:443/',
      'HTTPS://HOOKS.EXAMPLE.COM/',
    ],
    ...[
      'https://a.wild.example',
      'https://a.b.wild.example',
      'http://localhost:8080/x',
      'https://10.1.2.3/',
      'https://alt.example:444/',
    ],
    // Other spellings of 10.1.2.3.
    ...[
      'https://0x0a010203/',
      'https://167838211/',
      'https://012.1.2.3/',
      'https://10.1.515/',
      'https://[::ffff:10.1.2.3]/',
    ],
    ...[
      'https://[fd00::1]:8443/',
      'https://[fd00:0:0::1]:8443/',
      'https://hooks.example.com/%0d%0a',
      'https://%68ooks.example.com/',
    ],
    'https://ｈooks.example.com/',
  ];
  for (const url of named) it(`${url} is named`, () => assert.equal(list.problemOf(url), undefined));

  const notNamed = [
    ...[
      'http://hooks.example.com',
      'https://hooks.example.com:8443',
      'https://hooks.example.com.evil.example',
      'https://evil.example',
    ],
    ...[
      'https://wild.example',
      'https://evilwild.example',
      'https://localhost:8080',
      'http://localhost',
      'http://localhost:8081',
    ],
    ...[
      'https://10.1.2.3:8443',
      'http://10.1.2.3',
      'https://11.0.0.1',
      'https://127.0.0.1',
      'https://2130706433',
      'https://0x7f.1',
    ],
    ...[
      'https://[::1]',
      'https://[::ffff:127.0.0.1]',
      'https://[::ffff:169.254.169.254]/',
      'https://0/',
      'https://alt.example',
    ],
    ...['https://hooks.example.com%2eevil.example', 'https://hooks.example.com。evil.example'],
  ];
  for (const url of notNamed)
    it(`${url} is not named`, () => assert.match(list.problemOf(url) ?? '', /^is not named by HTTP_REQUEST_ALLOW/));

  const refused: Readonly<Record<string, RegExp>> = {
    'hooks.example.com': /must be a URL/,
    'https://': /must be a URL/,
    'https://[fe80::1%25eth0]/': /must be a URL/,
    'https://10.1.2.999/': /must be a URL/,
    'ftp://hooks.example.com/': /must begin with/,
    'file:///etc/passwd': /must begin with/,
    'https://user@hooks.example.com/': /no user and password/,
    'https://hooks.example.com:x@evil.example/': /no user and password/,
    'https://hooks.example.com/#a': /no fragment/,
    'https://hooks.example.com/#': /no fragment/,
    'https://hooks.example.com./': /no dot at the end/,
    'https://hooks.example.com/a b': /no spaces/,
    'https://evil.example\\@hooks.example.com/': /no spaces, control characters or backslashes/,
    'https://hooks.exam\nple.com/': /no spaces/,
    '\u0000https://hooks.example.com/': /no spaces/,
  };
  for (const [url, problem] of Object.entries(refused))
    it(`${JSON.stringify(url)} is refused`, () => assert.match(list.problemOf(url) ?? '', problem));
});

describe('the address of a named host', () => {
  const list = listOf('hooks.example.com,http://inside.example:8080,https://10.9.9.9:8443,10.0.0.0/8');
  const takes = (url: string, address: string): boolean => list.takesAddress(new URL(url), address);

  it('is globally routable or in a range', () => {
    for (const address of ['8.8.8.8', '2606:4700::1111', '10.1.2.3', '::ffff:10.1.2.3'])
      assert.ok(takes('https://hooks.example.com/', address), address);
    for (const address of [
      '127.0.0.1',
      '::1',
      '::ffff:127.0.0.1',
      '169.254.169.254',
      '192.168.0.1',
      '0.0.0.0',
      'fd00::1',
    ])
      assert.ok(!takes('https://hooks.example.com/', address), address);
  });

  it('may be any where an entry has the scheme and port of the URL', () => {
    assert.ok(takes('http://inside.example:8080/', '127.0.0.1'));
    assert.ok(!takes('https://inside.example:8080/', '127.0.0.1'));
    assert.ok(!takes('http://inside.example:8081/', '127.0.0.1'));
    assert.ok(!takes('http://other.example:8080/', '127.0.0.1'));
  });
});

describe('the example of a list', () => {
  for (const text of [
    'hooks.example.com',
    '*.example.com',
    '10.0.0.0/8',
    'http://localhost:8080',
    'fd00::/8',
    'http://[::1]:80',
  ])
    it(`is named by ${text}`, () => {
      const list = listOf(text);
      assert.equal(list.problemOf(list.example), undefined, list.example);
    });
});
