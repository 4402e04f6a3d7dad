// The compose files and the Dockerfile as text, and the Redis wrapper for real, without a container engine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite, test, type TestContext } from 'node:test';
import { spawnChild } from './helpers/children.ts';
import { loadConfig } from '../src/config/load.ts';
import { variableNames } from '../src/config/variables.ts';
import { streamIdleMs, waitSecondsMax } from '../src/http/limits.ts';
import { redisServerPath } from './helpers/real-parts.ts';
import { pathOf } from './helpers/paths.ts';

const read = (path: string): string => readFileSync(pathOf(path), 'utf8');

/** The lines under a key of a YAML file that is indented with two spaces a level, without comments. */
function block(text: string, ...keys: string[]): string {
  let lines = text.split('\n').filter((line) => !line.trim().startsWith('#'));
  keys.forEach((key, depth) => {
    const indent = '  '.repeat(depth);
    const start = lines.findIndex((line) => line.startsWith(`${indent}${key}:`));
    assert.notEqual(start, -1, `no key ${keys.slice(0, depth + 1).join('.')}`);
    const rest = lines.slice(start + 1);
    const end = rest.findIndex((line) => line.trim() !== '' && !line.startsWith(`${indent}  `));
    lines = rest.slice(0, end === -1 ? rest.length : end);
  });
  return lines.join('\n');
}

const compose = read('docker-compose.yml');
/** Of every service: it is locked down, restarts, and has time to stop. */
const hardening = [
  'restart: unless-stopped',
  'stop_grace_period: 35s',
  'cap_drop: [ALL]',
  "security_opt: ['no-new-privileges:true']",
  'read_only: true',
];
const services = ['api', 'worker', 'faktory', 'results', 'keys', 'prometheus', 'grafana'];

suite('docker-compose.yml', () => {
  const settings = new Map(
    block(compose, 'x-settings')
      .split('\n')
      .map((line) => /^ {2}([A-Z0-9_]+): (.*)$/.exec(line))
      .filter((match) => match !== null)
      .map((match) => [match[1] ?? '', match[2] ?? '']),
  );
  const fixed: Record<string, RegExp> = {
    FAKTORY_URL: /^tcp:\/\/:\$\{FAKTORY_PASSWORD:\?.+\}@faktory:7419$/,
    FAKTORY_DURABILITY: /^fsync$/,
    JOBS_DIR: /^\/app\/jobs$/,
    BIND_ADDR: /^0\.0\.0\.0:3000$/,
    METRICS_ADDR: /^0\.0\.0\.0:9464$/,
    RESULTS_URL: /^\$\{RESULTS_URL:-redis:\/\/:\$\{FAKTORY_PASSWORD\}@results:6379\}$/,
    KEYS_URL: /^\$\{KEYS_URL:-redis:\/\/:\$\{FAKTORY_PASSWORD\}@keys:6379\}$/,
  };

  test('every variable of the schema reaches the program, in the order of the schema', () => {
    assert.deepEqual([...settings.keys()], variableNames);
    for (const [name, value] of settings) {
      const expected = fixed[name];
      if (expected) assert.match(value, expected, name);
      else assert.equal(value, `\${${name}:-}`);
    }
  });

  test('the API and the worker get these settings, and the worker machine gets those of the worker', () => {
    assert.match(block(compose, 'x-program'), /^ {2}environment: \*settings$/m);
    for (const service of ['api', 'worker']) {
      const text = block(compose, 'services', service);
      assert.match(text, /volumes: \['\$\{JOBS_DIR:-\.\/jobs\}:\/app\/jobs:ro'\]/);
      assert.match(text, /<<: \*program/);
      assert.doesNotMatch(text, /^ {4}environment:/m);
    }
    assert.match(
      block(read('docker-compose.worker.yml'), 'services', 'worker'),
      /extends: \{ file: docker-compose\.yml, service: worker \}/,
    );
  });

  test('every service of the program can be started alone: each builds the one image', () => {
    const builds = (text: string): number => text.match(/^ +build:/gm)?.length ?? 0;
    assert.match(block(compose, 'x-program'), /^ {2}image: work-factory$/m);
    assert.match(block(compose, 'x-program'), /^ {2}build: \.$/m);
    assert.deepEqual([builds(compose), builds(read('docker-compose.worker.yml'))], [1, 0]);
  });

  test('every published port but the API is on the loopback unless a variable says otherwise', () => {
    const published = compose.split('\n').filter((line) => /:\d+'\]?$/.test(line) && /ports:|^ +- /.test(line));
    assert.equal(published.length, 7, published.join('\n'));
    for (const line of published.filter((port) => !port.includes('API_PORT')))
      assert.match(line, /'(\$\{BROKER_HOST:-127\.0\.0\.1\}|127\.0\.0\.1):\$\{[A-Z_]+:-\d+\}:\d+'/);
    assert.match(compose, /\$\{API_PORT:-3000\}:3000/);
  });

  test('every service is locked down, restarts, has time to stop, a bounded log and a health check', () => {
    const service = block(compose, 'x-service');
    for (const line of [...hardening, "options: { max-size: 10m, max-file: '3' }"])
      assert.ok(service.includes(line), line);
    assert.match(block(compose, 'x-program'), /<<: \*service/);
    for (const name of services) {
      const text = block(compose, 'services', name);
      assert.match(text, /<<: \*(service|program)/, name);
      assert.match(block(compose, 'services', name, 'healthcheck'), /test:[^]+retries: \d/, name);
    }
  });

  test('whatever publishes a port waits for the guard, and the guard for nothing', () => {
    const faktory = block(compose, 'services', 'faktory');
    assert.match(faktory, /depends_on: &guarded\n +guard: \{ condition: service_completed_successfully \}/);
    for (const name of ['results', 'keys'])
      assert.match(block(compose, 'services', name), /^ {4}depends_on: \*guarded$/m, name);
    const program = block(compose, 'x-program', 'depends_on');
    for (const name of ['faktory', 'results', 'keys']) assert.ok(program.includes(`${name}: {`), name);
    const guard = block(compose, 'services', 'guard');
    assert.match(guard, /entrypoint: \[\/opt\/work-factory\/refuse-open-doors\]/);
    assert.doesNotMatch(guard, /depends_on/);
    for (const name of ['API_HOST', 'API_KEYS', 'BROKER_HOST', 'FAKTORY_PASSWORD'])
      assert.ok(guard.includes(`${name}: \${${name}:-}`), name);
  });

  test('the worker has a limit of processors', () => {
    assert.match(block(compose, 'services', 'worker'), /^ {4}cpus: \$\{WORKER_CPUS:-1\}$/m);
  });

  test('Faktory runs in production mode, with its data in a volume and the Redis wrapper first on the PATH', () => {
    const faktory = block(compose, 'services', 'faktory');
    assert.match(faktory, /image: contribsys\/faktory:1\.9\.4/);
    assert.match(faktory, /command: \[\/faktory, -e, production,/);
    assert.match(faktory, /- faktory-data:\/var\/lib\/faktory$/m);
    assert.match(faktory, /- \.\/containers:\/opt\/work-factory:ro$/m);
    assert.match(faktory, /PATH: \/opt\/work-factory:/);
    assert.match(block(compose, 'volumes'), /faktory-data:/);
  });

  test('keys are on disk before a job is sent, and none is evicted', () => {
    const keys = block(compose, 'services', 'keys');
    assert.match(keys, /- --appendonly\n +- 'yes'\n +- --appendfsync\n +- always\n/);
    assert.match(keys, /- --maxmemory-policy\n +- noeviction\n/);
    assert.match(keys, /keys-data:\/data/);
  });

  test('Prometheus and Grafana are started with their profile only, and read the folder of the repository', () => {
    for (const name of ['prometheus', 'grafana'])
      assert.match(block(compose, 'services', name), /^ {4}profiles: \[monitoring\]$/m);
    assert.equal(compose.match(/profiles:/g)?.length, 2);
    assert.match(block(compose, 'services', 'prometheus'), /- \.\/monitoring:\/etc\/prometheus:ro$/m);
    const scraped = [...read('monitoring/prometheus.yml').matchAll(/names: \[(\w+)\]/g)].map(([, name]) => name);
    assert.deepEqual(scraped, ['api', 'worker']);
  });

  test('results are kept in an append-only file in a volume', () => {
    const results = block(compose, 'services', 'results');
    assert.match(results, /- --appendonly\n +- 'yes'\n/);
    assert.match(results, /results-data:\/data/);
  });
});

suite('docker-compose.worker.yml', () => {
  const worker = block(read('docker-compose.worker.yml'), 'services', 'worker');

  test('the worker needs the address of the broker and its password, and says so', () => {
    assert.match(
      worker,
      /FAKTORY_URL: tcp:\/\/:\$\{FAKTORY_PASSWORD:\?.+\}@\$\{FAKTORY_SERVER_IP:\?.+\}:\$\{FAKTORY_PORT:-7419\}/,
    );
    assert.match(worker, /RESULTS_URL: \$\{RESULTS_URL:-redis:\/\/:\$\{FAKTORY_PASSWORD\}@\$\{FAKTORY_SERVER_IP\}/);
    assert.match(worker, /KEYS_URL: \$\{KEYS_URL:-redis:\/\/:\$\{FAKTORY_PASSWORD\}@\$\{FAKTORY_SERVER_IP\}/);
  });

  test('it waits for no service of the other machine', () => {
    assert.match(worker, /depends_on: !reset/);
  });
});

suite('docker-compose.balancer.yml', () => {
  const balanced = read('docker-compose.balancer.yml');
  const balancer = block(balanced, 'services', 'balancer');
  const config = read('containers/haproxy.cfg');

  test('the balancer has the port of the API, is locked down, and starts once a container is ready', () => {
    assert.match(block(balanced, 'services', 'api'), /^ {4}ports: !reset \[\]$/m);
    const port = /^ {4}ports: (\['.*'\])$/m;
    assert.equal(port.exec(balancer)?.[1], port.exec(block(compose, 'services', 'api'))?.[1]);
    for (const line of [...hardening, 'api: { condition: service_healthy }']) assert.ok(balancer.includes(line), line);
  });

  test('it sends again only what was not sent, and its times fit those of the API', () => {
    assert.deepEqual(config.match(/^ +retry-on .*$/gm), ['  retry-on conn-failure']);
    const secondsOf = (name: string): number => Number(new RegExp(`timeout ${name} (\\d+)s`).exec(config)?.[1]);
    const { HTTP_KEEPALIVE_SECONDS: keepAlive, ENQUEUE_TIMEOUT_MS: enqueue } = loadConfig({});
    assert.ok(secondsOf('http-keep-alive') < keepAlive);
    assert.ok(secondsOf('server') > enqueue / 1000 && secondsOf('server') > waitSecondsMax);
    assert.ok(secondsOf('server') * 1000 > streamIdleMs && secondsOf('client') * 1000 > streamIdleMs);
    assert.match(config, /http-check send meth GET uri \/ready /);
  });
});

suite('Dockerfile', () => {
  const dockerfile = read('Dockerfile');
  const final = dockerfile.slice(dockerfile.lastIndexOf('\nFROM '));

  test('every stage is Node 24 on Debian, and only the last one becomes the image', () => {
    const froms = [...dockerfile.matchAll(/^FROM (\S+)/gm)].map((match) => match[1]);
    assert.deepEqual(froms, ['node:24-bookworm-slim', 'base', 'base', 'node:24-bookworm-slim']);
  });

  test('the image has no development dependencies and ran no install scripts', () => {
    assert.match(dockerfile, /npm ci --omit=dev --ignore-scripts/);
    assert.doesNotMatch(final, /^RUN .*npm/m);
    for (const line of dockerfile.split('\n').filter((text) => text.includes('npm ci')))
      assert.match(line, /--ignore-scripts/);
  });

  test('the program is started without a shell, as a numbered user that is not root, listens beyond the loopback and has a health check', () => {
    assert.match(final, /^ENTRYPOINT \["node", "dist\/main\.js"\]$/m);
    assert.match(final, /^USER 1000:1000$/m);
    assert.match(final, /^ENV .*BIND_ADDR=0\.0\.0\.0:3000/m);
    assert.match(final, /^ENV .*METRICS_ADDR=0\.0\.0\.0:9464/m);
    assert.match(final, /^HEALTHCHECK [^]*\n  CMD \["node", "dist\/main\.js", "health-check"\]$/m);
  });

  test('nothing enters the build that the ignore file does not name', () => {
    const lines = read('.dockerignore')
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('#'));
    assert.equal(lines[0], '*');
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap((match) =>
      (match[1] ?? '').split(' '),
    );
    assert.deepEqual(new Set(lines.slice(1)), new Set(copied.map((path) => `!${path}`)));
  });
});

suite('the Redis wrapper', () => {
  const dataFolder = (t: TestContext): string => {
    const folder = mkdtempSync(join(tmpdir(), 'wrapper-'));
    t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10 }));
    return folder;
  };

  /** A PATH as in the container: the wrapper, then a stand-in for Redis that prints its arguments, then the rest. */
  function run(t: TestContext, data: string, program = 'redis-server') {
    const bin = dataFolder(t);
    writeFileSync(join(bin, 'redis-server'), '#!/bin/sh\nprintf "%s\\n" "$0" "$@"\n', { mode: 0o755 });
    const PATH = [pathOf('containers'), bin, process.env['PATH']].join(':');
    const args = ['/tmp/redis.conf', '--unixsocket', 'x.sock', '--dir', data, '--logfile', 'redis.log'];
    const result = spawnSync(program, args, { env: { ...process.env, PATH }, encoding: 'utf8', timeout: 60_000 });
    return { bin, args, lines: result.stdout.trimEnd().split('\n'), errors: result.stderr, status: result.status };
  }

  test('it runs the next redis-server of the PATH with all arguments, and with a file that is synced at every write', (t) => {
    const { bin, args, lines, errors, status } = run(t, dataFolder(t));
    assert.equal(status, 0, errors);
    assert.deepEqual(lines, [join(bin, 'redis-server'), ...args, '--appendonly', 'yes', '--appendfsync', 'always']);
  });

  test('it works by its full path too, as Faktory starts it', (t) => {
    const { bin, lines } = run(t, dataFolder(t), pathOf('containers/redis-server'));
    assert.equal(lines[0], join(bin, 'redis-server'));
  });

  test('it refuses a snapshot without an append-only file, and prints the conversion', (t) => {
    const data = dataFolder(t);
    writeFileSync(join(data, 'faktory.rdb'), 'REDIS');
    for (const prepare of [() => undefined, () => mkdirSync(join(data, 'appendonlydir'))]) {
      prepare();
      const { lines, errors, status } = run(t, data);
      assert.equal(status, 1);
      assert.deepEqual(lines, [''], 'no Redis was started');
      assert.match(errors, /REFUSING TO START/);
      assert.match(errors, /docker compose .* run --rm --no-deps faktory \/opt\/work-factory\/convert-snapshot/);
    }
  });

  test('it accepts a snapshot next to an append-only file', (t) => {
    const data = dataFolder(t);
    writeFileSync(join(data, 'faktory.rdb'), 'REDIS');
    mkdirSync(join(data, 'appendonlydir'));
    writeFileSync(join(data, 'appendonlydir', 'appendonly.aof.manifest'), '');
    assert.equal(run(t, data).status, 0);
  });

  test('it says so when there is no other redis-server, and does not start itself for ever', () => {
    const wrapper = pathOf('containers/redis-server');
    const env = { PATH: pathOf('containers') };
    const result = spawnSync('/bin/sh', [wrapper], { env, encoding: 'utf8', timeout: 60_000 });
    assert.equal(result.status, 1);
    assert.match(result.stderr, /no other redis-server on the PATH/);
  });

  test(
    'convert-snapshot makes an append-only file that holds what the snapshot held',
    { skip: redisServerPath() === undefined },
    async (t) => {
      const data = dataFolder(t);
      const socket = join(data, 'test.sock');
      const base = ['--port', '0', '--unixsocket', socket, '--dir', data, '--dbfilename', 'faktory.rdb'];
      const sh = (command: string, ...args: string[]) => {
        const result = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
        assert.equal(result.status, 0, result.stderr);
        return result.stdout.trim();
      };
      const cli = (...args: string[]) => sh('redis-cli', '-s', socket, ...args);
      /** Returns a promise of its end. */
      const start = (...args: string[]): Promise<unknown> => {
        const server = spawnChild('redis-server', [...base, ...args], { stdio: 'ignore' });
        const exited = once(server, 'exit');
        // By signal: the socket is gone by then, with the folder.
        t.after(async () => {
          server.kill('SIGKILL');
          await exited;
        });
        sh('/bin/sh', '-c', `until redis-cli -s ${socket} ping 2>/dev/null | grep -q PONG; do sleep 0.02; done`);
        return exited;
      };
      const exited = start();
      cli('rpush', 'default', 'one', 'two', 'three');
      cli('shutdown', 'save');
      await exited;
      assert.match(sh(pathOf('containers/convert-snapshot'), data), /: 1 keys are in the append-only file/);
      assert.equal(run(t, data).status, 0, 'the wrapper accepts the folder now');
      void start('--appendonly', 'yes');
      assert.equal(cli('llen', 'default'), '3');
    },
  );
});

suite('containers/refuse-open-doors', () => {
  const run = (env: Record<string, string>) =>
    spawnSync('sh', [pathOf('containers/refuse-open-doors')], { env, encoding: 'utf8' });
  const published = { FAKTORY_PASSWORD: 'development-only' };
  const own = { FAKTORY_PASSWORD: 'a-password-of-ours' };
  const keys = { API_KEYS: 'k'.repeat(16) };

  test('lets everything start that is published on this machine only', () => {
    for (const host of ['', '127.0.0.1', '127.1.2.3', 'localhost', '::1', '[::1]'])
      assert.equal(run({ ...published, API_HOST: host, BROKER_HOST: host }).status, 0, host);
    assert.equal(run(published).status, 0);
  });

  test('lets the API out with keys and a password of its own, and the broker with the password', () => {
    assert.equal(run({ ...own, ...keys, API_HOST: '0.0.0.0' }).status, 0);
    assert.equal(run({ ...own, BROKER_HOST: '10.0.0.5' }).status, 0);
  });

  for (const [env, message] of [
    [{ ...own, API_HOST: '0.0.0.0' }, /^REFUSING TO START: API_HOST=0\.0\.0\.0 .*: set API_KEYS/],
    [{ ...published, ...keys, API_HOST: '::' }, /^REFUSING TO START: API_HOST=:: .*FAKTORY_PASSWORD/],
    [{ ...published, BROKER_HOST: '10.0.0.5' }, /^REFUSING TO START: BROKER_HOST=10\.0\.0\.5 .*FAKTORY_PASSWORD/],
    [{ ...published, API_HOST: '10.0.0.5', BROKER_HOST: '10.0.0.5' }, /set API_KEYS.*\n.*API_HOST.*\n.*BROKER_HOST/],
  ] as const) {
    test(`refuses ${JSON.stringify(env)}`, () => {
      const { status, stderr, stdout } = run(env);
      assert.deepEqual([status, stdout], [1, '']);
      assert.match(stderr, message);
      assert.ok(!stderr.includes('development-only'));
    });
  }
});
