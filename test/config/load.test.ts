// The environment as the program reads it: defaults, refusals, relations, secrets, former names.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { parse } from 'dotenv';
import { envFileProblems } from '../../src/config/env-file.ts';
import { ConfigError, loadConfig, type ConfigProblem } from '../../src/config/load.ts';
import { variableNames, variables, type VariableName } from '../../src/config/variables.ts';
import { configWarnings } from '../../src/config/warnings.ts';

type Environment = Partial<Record<VariableName, string>>;

function problemsOf(env: Environment): readonly ConfigProblem[] {
  try {
    loadConfig(env);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error.problems;
  }
  return [];
}

const isRefused = (name: VariableName, text: string) =>
  problemsOf({ [name]: text }).some((problem) => problem.variable === name);

suite('defaults', () => {
  test('an empty environment gives exactly the documented values', () => {
    assert.deepEqual(
      { ...loadConfig({}) },
      {
        FAKTORY_DURABILITY: 'unknown',
        FAKTORY_MAX_CONNECTIONS: 10,
        FAKTORY_CONNECTION_TIMEOUT: 5,
        FAKTORY_READ_TIMEOUT: 10,
        FAKTORY_WRITE_TIMEOUT: 5,
        FAKTORY_ACQUIRE_TIMEOUT_MS: 6000,
        FAKTORY_KEEPALIVE_DELAY_MS: 60_000,
        BROKER_LOST_WORKER_SECONDS: 15,
        ENQUEUE_TIMEOUT_MS: 20_000,
        ENQUEUE_MAX_PENDING_JOBS: 20_000,
        ENQUEUE_MAX_PENDING_BYTES: 16_777_216,
        BATCH_MAX_SIZE: 100,
        BATCH_MAX_DELAY_MS: 0,
        BATCH_MAX_JOBS: 1000,
        BATCH_BODY_BYTES_MAX: 524_288,
        JOB_BODY_BYTES_MAX: 65_536,
        PAYLOAD_COMPRESS_BYTES: 1024,
        API_PROCESSES: 1,
        SHUTDOWN_TIMEOUT_MS: 28_000,
        SHUTDOWN_DRAIN_DELAY_MS: 2000,
        JOBS_DIR: './jobs',
        WORKER_CONCURRENCY: 50,
        HANDLER_PROCESSES: 1,
        RESULT_BYTES_MAX: 65_536,
        WORKER_MAX_CONNECTIONS: 64,
        WORKER_POLL_INTERVAL_MS: 0,
        WORKER_HEARTBEAT_INTERVAL: 15,
        RESULT_TTL_SECONDS: 86_400,
        RESULTS_MAX: 1_000_000,
        IDEMPOTENCY_TTL_SECONDS: 86_400,
        DATA_DIR: './data',
        BIND_ADDR: { host: '127.0.0.1', port: 3000 },
        CONNECTIONS_PER_ADDRESS_MAX: 2500,
        CONSOLE: true,
        HTTP_KEEPALIVE_SECONDS: 72,
        RESULTS_REQUIRED: false,
        LOG_LEVEL: 'info',
      },
    );
  });

  test('an empty variable counts as unset, whichever it is', () => {
    const empty = Object.fromEntries(variableNames.map((name) => [name, '']));
    assert.deepEqual(loadConfig(empty), loadConfig({}));
  });

  test('variables of other programs are of no interest, and nothing is added to the configuration', () => {
    assert.deepEqual(loadConfig({ PATH: '/bin', NODE_ENV: 'production', FAKTORY_MAX_CONECTIONS: '3' }), loadConfig({}));
  });

  test('the configuration cannot be changed once it is read', () => {
    assert.ok(Object.isFrozen(loadConfig({})));
  });

  test('every variable has a unit and a reason that ends as a sentence', () => {
    for (const name of variableNames) {
      assert.notEqual(variables[name].unit, '', name);
      assert.match(variables[name].reason, /\.$/, name);
    }
  });
});

suite('refusals', () => {
  const ranges: Partial<Record<VariableName, [lowest: string, highest: string]>> = {
    FAKTORY_MAX_CONNECTIONS: ['1', '1000'],
    FAKTORY_CONNECTION_TIMEOUT: ['0.1', '60'],
    FAKTORY_READ_TIMEOUT: ['0.1', '60'],
    FAKTORY_WRITE_TIMEOUT: ['0.1', '60'],
    FAKTORY_ACQUIRE_TIMEOUT_MS: ['10', '60000'],
    FAKTORY_KEEPALIVE_DELAY_MS: ['1000', '7200000'],
    BROKER_LOST_WORKER_SECONDS: ['0', '3600'],
    ENQUEUE_TIMEOUT_MS: ['100', '60000'],
    ENQUEUE_MAX_PENDING_JOBS: ['1000', '1000000'],
    ENQUEUE_MAX_PENDING_BYTES: ['1048576', '1073741824'],
    BATCH_MAX_SIZE: ['1', '1000'],
    BATCH_MAX_DELAY_MS: ['0', '1000'],
    BATCH_MAX_JOBS: ['1', '10000'],
    BATCH_BODY_BYTES_MAX: ['16384', '8388608'],
    JOB_BODY_BYTES_MAX: ['16384', '1048576'],
    PAYLOAD_COMPRESS_BYTES: ['0', '1048576'],
    API_PROCESSES: ['1', '64'],
    SHUTDOWN_TIMEOUT_MS: ['1000', '32999'],
    SHUTDOWN_DRAIN_DELAY_MS: ['0', '30000'],
    WORKER_CONCURRENCY: ['1', '10000'],
    HANDLER_PROCESSES: ['1', '64'],
    RESULT_BYTES_MAX: ['1024', '1048576'],
    WORKER_MAX_CONNECTIONS: ['1', '1000'],
    WORKER_POLL_INTERVAL_MS: ['0', '60000'],
    WORKER_HEARTBEAT_INTERVAL: ['0.1', '59'],
    RESULT_TTL_SECONDS: ['1', '31536000'],
    RESULTS_MAX: ['1000', '100000000'],
    IDEMPOTENCY_TTL_SECONDS: ['120', '31536000'],
    CONNECTIONS_PER_ADDRESS_MAX: ['1', '10000'],
    HTTP_KEEPALIVE_SECONDS: ['1', '3600'],
  };

  for (const [name, [lowest, highest]] of Object.entries(ranges) as [VariableName, [string, string]][]) {
    test(`${name} accepts ${lowest} to ${highest} and nothing beyond`, () => {
      // The schema alone: relations between variables are looked at only when every single value is good.
      for (const good of [lowest, highest]) assert.ok(variables[name].schema.safeParse(good).success, good);
      const beyond = [String(Number(highest) + 1), String(Number(lowest) - (lowest.includes('.') ? 0.01 : 1))];
      for (const bad of beyond) assert.ok(isRefused(name, bad), bad);
    });

    test(`${name} refuses what is not a plain number, and never falls back to its default`, () => {
      const default_ = 'default' in variables[name] ? String(variables[name].default) : '1';
      for (const bad of [
        'abc',
        'NaN',
        'Infinity',
        '1e3',
        '0x10',
        '+5',
        '-5',
        ' ',
        `${default_}ms`,
        ` ${default_}`,
        `${default_} `,
        '1,5',
        '٣',
      ]) {
        assert.ok(isRefused(name, bad), JSON.stringify(bad));
      }
    });
  }

  test('every variable with a number as its default is in the table above', () => {
    const numbers = variableNames.filter((name) => typeof loadConfig({})[name] === 'number');
    assert.deepEqual(Object.keys(ranges).sort(), numbers.sort());
  });

  test('seconds may have a fraction, counts and milliseconds may not', () => {
    assert.equal(loadConfig({ FAKTORY_CONNECTION_TIMEOUT: '2.5' }).FAKTORY_CONNECTION_TIMEOUT, 2.5);
    assert.ok(isRefused('ENQUEUE_TIMEOUT_MS', '20000.5'));
    assert.ok(isRefused('WORKER_CONCURRENCY', '50.0'));
  });

  test('a word that is not in the list of words is refused', () => {
    for (const bad of ['FSYNC', 'everysec', 'fsync ', 'true']) assert.ok(isRefused('FAKTORY_DURABILITY', bad), bad);
    for (const bad of ['INFO', 'verbose', '30']) assert.ok(isRefused('LOG_LEVEL', bad), bad);
    assert.equal(loadConfig({ FAKTORY_DURABILITY: 'second' }).FAKTORY_DURABILITY, 'second');
    assert.equal(loadConfig({ LOG_LEVEL: 'silent' }).LOG_LEVEL, 'silent');
  });

  test('queue names are read in order, trimmed, and refused when wrong, doubled or missing', () => {
    assert.deepEqual(loadConfig({ WORKER_QUEUES: 'high, default,low-1.2_3' }).WORKER_QUEUES, [
      'high',
      'default',
      'low-1.2_3',
    ]);
    for (const bad of ['a,,b', 'a,', ',', 'a b', 'a,a', 'ä', 'a/b', 'a\nb'])
      assert.ok(isRefused('WORKER_QUEUES', bad), bad);
  });

  test('API keys are visible ASCII of 16 characters or more, each once', () => {
    const key = '0123456789abcdef';
    assert.deepEqual(loadConfig({ API_KEYS: `${key}, ${key}2` }).API_KEYS, [key, `${key}2`]);
    assert.deepEqual(loadConfig({ API_KEYS: `web:${key}, web:${key}2` }).API_KEYS, [`web:${key}`, `web:${key}2`]);
    for (const bad of [
      'short',
      'long-name-here:short',
      `${key},`,
      `${key},${key}`,
      `${key} ${key}`,
      `${key}é`,
      'x'.repeat(201),
    ]) {
      assert.ok(isRefused('API_KEYS', bad), bad);
    }
  });

  test('a key has one name: under two it would not tell who the caller is', () => {
    const key = '0123456789abcdef';
    for (const name of ['API_KEYS', 'ADMIN_KEYS'])
      for (const bad of [`web:${key},app:${key}`, `${key},app:${key}`, `web:${key}2,app:${key},web:${key}`]) {
        const [problem] = problemsOf({ [name]: bad });
        assert.match(problem?.accepts ?? '', /^each KEY once/, `${name} ${bad}`);
        assert.ok(!problem?.accepts.includes(key));
      }
  });

  test('no key opens both the routes of callers and those of operators', () => {
    const key = '0123456789abcdef';
    for (const admin of [key, `ops:${key}`, `${key}2,web:${key}`]) {
      const problems = problemsOf({ API_KEYS: `web:${key}`, ADMIN_KEYS: admin });
      assert.deepEqual(problems, [
        { variable: 'API_KEYS, ADMIN_KEYS', got: '(hidden)', accepts: 'no KEY in both: callers would be operators' },
      ]);
    }
    assert.deepEqual(problemsOf({ API_KEYS: key, ADMIN_KEYS: `${key}2` }), []);
  });

  test('all problems are reported at once, each with the variable, what it got and what it accepts', () => {
    const problems = problemsOf({
      BATCH_MAX_SIZE: 'many',
      LOG_LEVEL: 'loud',
      BIND_ADDR: '3000',
      FAKTORY_READ_TIMEOUT: '-1',
    });
    assert.deepEqual(
      problems.map((problem) => problem.variable),
      ['FAKTORY_READ_TIMEOUT', 'BATCH_MAX_SIZE', 'BIND_ADDR', 'LOG_LEVEL'],
    );
    const error = new ConfigError(problems);
    assert.match(error.message, /^The environment has 4 problem\(s\):$/m);
    assert.match(error.message, /^ {2}BATCH_MAX_SIZE: got "many"; accepts an integer from 1 to 1000$/m);
    assert.match(
      error.message,
      /^ {2}LOG_LEVEL: got "loud"; accepts one of fatal, error, warn, info, debug, trace, silent$/m,
    );
  });

  test('a value that is printed is cut and cannot start a line of its own', () => {
    const [problem] = problemsOf({ LOG_LEVEL: `x\n${'y'.repeat(500)}` });
    assert.ok(problem && problem.got.length < 100, problem?.got);
    assert.ok(!problem.got.includes('\n'));
  });

  test('secrets are never printed, neither whole nor in part', () => {
    const secret = 'hunter2hunter2';
    const problems = problemsOf({
      FAKTORY_URL: `http://:${secret}@host:1`,
      RESULTS_URL: `http://:${secret}@host`,
      API_KEYS: `${secret} ${secret}`,
      LOG_LEVEL: 'loud',
    });
    assert.equal(problems.length, 4);
    assert.ok(!new ConfigError(problems).message.includes('hunter2'));
  });

  test('every variable that can carry a password or a key is marked secret', () => {
    const marked = variableNames.filter((name) => 'secret' in variables[name]);
    assert.deepEqual(marked.sort(), [
      'ADMIN_KEYS',
      'API_KEYS',
      'FAKTORY_PASSWORD',
      'FAKTORY_URL',
      'HTTP_REQUEST_SECRET',
      'KEYS_URL',
      'RESULTS_URL',
    ]);
  });
});

suite('addresses', () => {
  const urls: [text: string, host: string, port: number, tls: boolean, password: string | undefined][] = [
    ['tcp://localhost:7419', 'localhost', 7419, false, undefined],
    ['tcp://localhost', 'localhost', 7419, false, undefined],
    ['tcp://localhost:7419/', 'localhost', 7419, false, undefined],
    ['tcp+tls://broker.example:17419', 'broker.example', 17_419, true, undefined],
    ['tcp://:secret@10.0.0.5:7419', '10.0.0.5', 7419, false, 'secret'],
    ['tcp://user:secret@10.0.0.5:7419', '10.0.0.5', 7419, false, 'secret'],
    ['tcp://[::1]:7420', '::1', 7420, false, undefined],
    ['tcp://:p@[2001:db8::7]', '2001:db8::7', 7419, false, 'p'],
    ['tcp://:p%40ss%3Aw%2Frd%25%23%3F@h:1', 'h', 1, false, 'p@ss:w/rd%#?'],
    ['tcp://:%C3%BC@h:1', 'h', 1, false, 'ü'],
  ];
  for (const [text, host, port, tls, password] of urls) {
    test(`FAKTORY_URL ${text} is read`, () => {
      assert.deepEqual(loadConfig({ FAKTORY_URL: text }).FAKTORY_URL, { host, port, tls, password });
    });
  }

  const badUrls = [
    'localhost:7419',
    'http://localhost:7419',
    'tls://localhost:7419',
    'tcp://',
    'tcp://:7419',
    'tcp://h:0',
    'tcp://h:65536',
    'tcp://h:7419/queue',
    'tcp://h:7419?tls=1',
    'tcp://h:7419#x',
    'tcp://:%E0%A4%A@h:1',
    ' ',
  ];
  for (const text of badUrls) {
    test(`FAKTORY_URL ${JSON.stringify(text)} is refused`, () => {
      assert.ok(isRefused('FAKTORY_URL', text));
    });
  }

  test('BIND_ADDR and FAKTORY_BIND read names, IPv4 and IPv6 in brackets, and any port with 0', () => {
    for (const [text, host, port] of [
      ['127.0.0.1:3000', '127.0.0.1', 3000],
      ['0.0.0.0:0', '0.0.0.0', 0],
      ['[::]:65535', '::', 65_535],
      ['[::1]:3000', '::1', 3000],
      ['localhost:80', 'localhost', 80],
    ] as const) {
      assert.deepEqual(loadConfig({ BIND_ADDR: text }).BIND_ADDR, { host, port });
      assert.deepEqual(loadConfig({ FAKTORY_BIND: text }).FAKTORY_BIND, { host, port });
    }
    for (const bad of [
      '3000',
      ':3000',
      'localhost',
      'localhost:',
      '::1:3000',
      '[::1]',
      'h:65536',
      'h:-1',
      'h:3000 ',
      'a b:1',
      'h:1e3',
    ]) {
      assert.ok(isRefused('BIND_ADDR', bad), bad);
      assert.ok(isRefused('FAKTORY_BIND', bad), bad);
    }
  });

  test('ALLOWED_HOSTS are names without a port', () => {
    const names = ['queue.internal', '10.0.0.1', '[fd00::1]'];
    assert.deepEqual(loadConfig({ ALLOWED_HOSTS: names.join(', ') }).ALLOWED_HOSTS, names);
    for (const bad of ['queue.internal:80', 'http://h', '*', 'a,,b', 'a,a', '::1'])
      assert.ok(isRefused('ALLOWED_HOSTS', bad), bad);
  });

  test('TRUSTED_PROXIES are addresses and networks', () => {
    const networks = ['10.0.0.0/8', '192.0.2.1', 'fd00::/8', '::1'];
    assert.deepEqual(loadConfig({ TRUSTED_PROXIES: networks.join(', ') }).TRUSTED_PROXIES, networks);
    for (const bad of ['proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0/8', 'fd00::/129', '1.2.3.4/8/8', '*'])
      assert.ok(isRefused('TRUSTED_PROXIES', bad), bad);
  });

  test('RESULTS_URL is a Redis URL', () => {
    for (const good of ['redis://localhost:6379', 'redis://:p@h/3', 'rediss://h']) {
      assert.equal(loadConfig({ RESULTS_URL: good }).RESULTS_URL, good);
    }
    for (const bad of [
      'localhost:6379',
      'http://h',
      'redis',
      'redis//h',
      'redis://',
      'redis://:p%zz@h',
      'redis://h#s',
      'redis://h/one',
    ])
      assert.ok(isRefused('RESULTS_URL', bad), bad);
  });
});

suite('values that would be taken otherwise than they were written', () => {
  const key = '0123456789abcdef';
  const good: Environment = { API_KEYS: key, FAKTORY_PASSWORD: 'pass', FAKTORY_URL: 'tcp://h', RESULTS_URL: 'redis://h', KEYS_URL: 'redis://h', DATA_DIR: '/d' }; // prettier-ignore
  for (const [what, wrap, accepts] of [
    ['quotes', (text: string) => `"${text}"`, /no quotes around it/],
    ['single quotes', (text: string) => `'${text}'`, /no quotes around it/],
    ['a CR', (text: string) => `${text}\r`, /a CR is what Windows/],
    ['a tab in it', (text: string) => `${text}\t${text}`, /no control characters/],
    ['a space before it', (text: string) => ` ${text}`, /no spaces around it/],
    ['a space after it', (text: string) => `${text} `, /no spaces around it/],
  ] as const) {
    test(`${what}: refused for every variable, and secrets stay hidden`, () => {
      const problems = problemsOf(Object.fromEntries(Object.entries(good).map(([name, text]) => [name, wrap(text)])));
      assert.deepEqual(new Set(problems.map(({ variable }) => variable)), new Set(Object.keys(good)));
      for (const { variable, got, accepts: text } of problems) {
        assert.match(text, accepts);
        if (variable !== 'DATA_DIR') assert.equal(got, '(hidden)');
      }
    });
  }

  test('quotes, "#" and spaces inside a password belong to it', () => {
    for (const text of ['p"a#s\'s w', '"', 'a"'])
      assert.equal(loadConfig({ FAKTORY_PASSWORD: text }).FAKTORY_PASSWORD, text);
  });

  test('DATA_DIR is not a shell word: "~" at its start and "$NAME" are refused', () => {
    for (const bad of ['~', '~/x', '~me/x', '$HOME/x', '/x/${USER}', '$(pwd)/x'])
      assert.ok(isRefused('DATA_DIR', bad), bad);
    for (const text of ['/a/b~', './~', '/a/$', 'data dir'])
      assert.equal(loadConfig({ DATA_DIR: text }).DATA_DIR, text);
  });

  test('a FAKTORY_PASSWORD that begins with "/" is the file that holds it, as on Faktory', (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'password-'));
    t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
    writeFileSync(join(folder, 'password'), 'from a file\n');
    writeFileSync(join(folder, 'empty'), '\n');
    assert.equal(loadConfig({ FAKTORY_PASSWORD: join(folder, 'password') }).FAKTORY_PASSWORD, 'from a file');
    for (const bad of ['empty', 'missing', '.']) assert.ok(isRefused('FAKTORY_PASSWORD', join(folder, bad)), bad);
  });
});

suite('.env', () => {
  const namesOf = (text: string): string[] => envFileProblems(text).map(({ variable }) => variable);

  test('a "#" inside a value without quotes is refused, because dotenv would end the value there', () => {
    for (const line of [
      'API_KEYS=k3y#9f8e',
      ' export API_KEYS = k3y#9f8e',
      'API_KEYS=#k3y',
      'API_KEYS: k3y#9',
      'API_KEYS="k3y#9',
      'API_KEYS=k3y#9\r',
    ]) {
      const [problem] = envFileProblems(`LOG_LEVEL=info\n${line}\nBATCH_MAX_JOBS=1\n`);
      assert.deepEqual([problem?.variable, problem?.got], ['API_KEYS', '(hidden)'], line);
      assert.ok(
        !(parse(line)['API_KEYS'] ?? '').includes('#'),
        'dotenv reads it now: this check is not needed any more',
      );
    }
  });

  test('comments, quoted values and variables of others are left alone', () => {
    for (const line of [
      '# API_KEYS=a#b',
      'API_KEYS=abc # a comment',
      'API_KEYS= # unset',
      'API_KEYS="k3y#9" # quoted',
      "API_KEYS='k3y#9'",
      'API_KEYS=`k3y#9`',
      'OTHER=a#b',
      'API_KEYS=',
    ]) {
      assert.deepEqual(namesOf(line), [], line);
    }
  });
});

suite('relations', () => {
  const broken: [rule: string, env: Environment, named: string][] = [
    [
      'the connection timeout is below the acquire timeout',
      { FAKTORY_CONNECTION_TIMEOUT: '6' },
      'FAKTORY_CONNECTION_TIMEOUT, FAKTORY_ACQUIRE_TIMEOUT_MS',
    ],
    [
      'acquire + read is below the enqueue timeout',
      { FAKTORY_READ_TIMEOUT: '14' },
      'FAKTORY_ACQUIRE_TIMEOUT_MS, FAKTORY_READ_TIMEOUT, ENQUEUE_TIMEOUT_MS',
    ],
    [
      'enqueue + drain + 2 s fit into the shutdown timeout',
      { ENQUEUE_TIMEOUT_MS: '24001' },
      'ENQUEUE_TIMEOUT_MS, SHUTDOWN_DRAIN_DELAY_MS, SHUTDOWN_TIMEOUT_MS',
    ],
    ['the read timeout is at least 7 s', { FAKTORY_READ_TIMEOUT: '6.9' }, 'FAKTORY_READ_TIMEOUT'],
    ['a batch has at least 400 bytes a job', { BATCH_MAX_JOBS: '1311' }, 'BATCH_MAX_JOBS, BATCH_BODY_BYTES_MAX'],
    [
      'a full batch fits among the pending jobs',
      { BATCH_MAX_JOBS: '1001', ENQUEUE_MAX_PENDING_JOBS: '1000' },
      'BATCH_MAX_JOBS, ENQUEUE_MAX_PENDING_JOBS',
    ],
  ];
  for (const [rule, env, named] of broken) {
    test(`${rule}, or the program refuses and names the variables`, () => {
      const problems = problemsOf(env);
      assert.deepEqual(
        problems.map((problem) => problem.variable),
        [named],
      );
      for (const value of Object.values(env)) assert.ok(problems[0]?.got.includes(value), problems[0]?.got);
    });
  }

  test('the values next to the forbidden ones are accepted', () => {
    for (const env of [
      { FAKTORY_CONNECTION_TIMEOUT: '5.9' },
      { FAKTORY_READ_TIMEOUT: '13.9' },
      { ENQUEUE_TIMEOUT_MS: '24000' },
      { FAKTORY_READ_TIMEOUT: '7' },
      { BATCH_MAX_JOBS: '1310' },
      { BATCH_MAX_JOBS: '1000', ENQUEUE_MAX_PENDING_JOBS: '1000' },
    ]) {
      assert.deepEqual(problemsOf(env), [], JSON.stringify(env));
    }
  });

  test('several broken relations are reported together', () => {
    assert.equal(
      problemsOf({ FAKTORY_CONNECTION_TIMEOUT: '7', FAKTORY_READ_TIMEOUT: '6', ENQUEUE_TIMEOUT_MS: '11000' }).length,
      3,
    );
  });
});

suite('names that have no effect', () => {
  test('a variable of the original service that has another name here gives one warning that names it', () => {
    const warnings = configWarnings({ RUST_LOG: 'info', TCP_KEEPALIVE_INTERVAL: '10', TCP_KEEPALIVE_PROBES: '3' });
    assert.equal(warnings.length, 3);
    assert.match(warnings[0] ?? '', /^RUST_LOG has no effect: use LOG_LEVEL$/);
    assert.match(warnings[1] ?? '', /^TCP_KEEPALIVE_INTERVAL .*FAKTORY_KEEPALIVE_DELAY_MS/);
    assert.match(warnings[2] ?? '', /^TCP_KEEPALIVE_PROBES .*FAKTORY_KEEPALIVE_DELAY_MS/);
  });

  test('so does a name that looks like ours and is none', () => {
    assert.deepEqual(configWarnings({ WORKER_THREADS: '5', WORKERS: '2', FAKTORY_PORT_7419_TCP: 'tcp://10.0.0.1' }), [
      'WORKER_THREADS has no effect: there is no variable of this name',
    ]);
  });

  for (const [near, meant] of [
    ['API_KEY', 'API_KEYS'],
    ['APIKEYS', 'API_KEYS'],
    ['api_keys', 'API_KEYS'],
    ['BIND_ADDRESS', 'BIND_ADDR'],
    ['DATADIR', 'DATA_DIR'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['RESULT_URL', 'RESULTS_URL'],
    ['ADMIN_KEY', 'ADMIN_KEYS'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['FAKTROY_URL', 'FAKTORY_URL'],
    ['FAKTORY_MAX_CONECTIONS', 'FAKTORY_MAX_CONNECTIONS'],
  ] as const) {
    test(`${near} is taken for ${meant}, and its value is not shown`, () => {
      assert.deepEqual(configWarnings({ [near]: 'hunter2' }), [`${near} has no effect: is ${meant} meant?`]);
    });
  }

  test('a name that is near one that is set is somebody else’s, and so is any other', () => {
    assert.deepEqual(configWarnings({ API_KEY: 'x', API_KEYS: 'y' }), []);
    const others = ['PATH', 'API', 'KEYS', 'DATA', 'BIND', 'LOG', 'XDG_DATA_DIRS', 'LOGNAME', 'npm_config_loglevel'];
    assert.deepEqual(configWarnings(Object.fromEntries(others.map((name) => [name, 'x']))), []);
  });

  test('what hosting platforms and other Faktory clients set is named with what to use here', () => {
    assert.deepEqual(configWarnings({ PORT: '80', REDIS_URL: 'redis://h', FAKTORY_PROVIDER: 'MY_URL' }), [
      'PORT has no effect: use BIND_ADDR',
      'REDIS_URL has no effect: use RESULTS_URL, and KEYS_URL for idempotency keys',
      'FAKTORY_PROVIDER has no effect: set FAKTORY_URL itself',
    ]);
  });

  test('unset or empty they give none, and so do all of ours', () => {
    const ours = Object.fromEntries(variableNames.map((name) => [name, 'x']));
    assert.deepEqual(configWarnings({ ...ours, RUST_LOG: '', TCP_KEEPALIVE_PROBES: undefined }), []);
  });
});
