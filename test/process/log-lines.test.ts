// What the lines of the log say, and what they leave out.
import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { spawnSync } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { pino } from 'pino';
import { loadConfig } from '../../src/config/load.ts';
import { secretsOf } from '../../src/config/secrets.ts';
import { listenForDebug } from '../../src/process/debug-switch.ts';
import { createMask, redact } from '../../src/process/log.ts';
import { spawnChild } from '../helpers/children.ts';
import { nodeArgs, programOf } from '../helpers/paths.ts';
import { startService } from '../helpers/service.ts';

function lines(options: pino.LoggerOptions = {}) {
  const written: Record<string, unknown>[] = [];
  const log = pino({ base: null, ...options }, { write: (line: string) => void written.push(JSON.parse(line)) });
  return { log, written };
}

describe('secrets', () => {
  const config = loadConfig({
    FAKTORY_URL: 'tcp://:fak%2Ftory-secret@broker:7419',
    RESULTS_URL: 'redis://user-name:redis-secret@results:6379',
    API_KEYS: 'web:key-of-the-web-0001,key-without-name-0002',
    FAKTORY_PASSWORD: 'embedded "secret"',
  });
  const mask = createMask(secretsOf(config));

  it('of the configuration are hidden wherever they turn up, in every form that they are written in', () => {
    for (const secret of [
      'fak/tory-secret',
      'fak%2Ftory-secret',
      'redis-secret',
      'web:key-of-the-web-0001',
      'key-of-the-web-0001',
      'key-without-name-0002',
      JSON.stringify('embedded "secret"').slice(1, -1),
    ]) {
      const masked = mask(`{"msg":"connect to ${secret} failed"}`);
      assert.ok(masked.includes('(hidden)') && !masked.includes(secret), `${secret}: ${masked}`);
    }
    const innocent = '{"level":30,"msg":"the broker listens on broker:7419"}';
    assert.equal(mask(innocent), innocent);
  });

  it('that are too short to be told from other words are left', () => {
    assert.deepEqual(secretsOf(loadConfig({ FAKTORY_PASSWORD: 'abc' })), []);
  });

  it('in fields that code of jobs writes are hidden by the names of the fields', () => {
    const { log, written } = lines({ redact });
    log.info({ jid: 'j', password: 'x1', options: { token: 'x2', url: 'u' } }, 'job line');
    assert.deepEqual(written[0], {
      level: 30,
      time: written[0]?.['time'],
      jid: 'j',
      password: '(hidden)',
      options: { token: '(hidden)', url: 'u' },
      msg: 'job line',
    });
  });
});

describe('SIGUSR2', () => {
  for (const level of ['info', 'silent', 'warn'] as const)
    it(`turns debug lines on, and off again, at ${level}`, () => {
      const events = new EventEmitter();
      const { log, written } = lines({ level });
      listenForDebug({ events }).use(log);
      log.debug('before');
      events.emit('SIGUSR2');
      log.debug('between');
      events.emit('SIGUSR2');
      log.debug('after');
      assert.equal(log.level, level);
      const said = written.map(({ msg }) => msg);
      assert.ok(said.includes('between') && said.includes('SIGUSR2: debug lines are on, until the next one'));
      assert.ok(!said.includes('before') && !said.includes('after'));
    });

  it('that came before there was a log holds for it', () => {
    const events = new EventEmitter();
    const { log } = lines();
    const debugSwitch = listenForDebug({ events });
    events.emit('SIGUSR2');
    debugSwitch.use(log);
    assert.equal(log.level, 'debug');
  });

  it('shows the requests of a running service', async (t) => {
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const url = await service.url();
    await fetch(`${url}/health`);
    service.process.kill('SIGUSR2');
    await service.line(({ msg }) => msg?.startsWith('SIGUSR2: debug lines are on') ?? false);
    await fetch(`${url}/health?second`);
    const line = await service.line(({ msg }) => msg === 'request answered');
    assert.equal(line['route'], '/health');
    service.process.kill('SIGUSR2');
    await service.line(({ msg }) => msg === 'SIGUSR2: debug lines are off');
    assert.equal(await service.end(), 0);
    assert.equal(service.lines.filter(({ msg }) => msg === 'request answered').length, 1);
  });
});

describe('the lines of one job', () => {
  it('have its jid, and the request_id that it came with', async (t) => {
    const service = startService(t, { SHUTDOWN_DRAIN_DELAY_MS: '0' });
    const url = await service.readyUrl();
    const body = JSON.stringify({ a: 1, b: 2, request_id: 'r-17' });
    const response = await fetch(`${url}/jobs/add`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    const { job_id: jid } = (await response.json()) as { job_id: string };
    const line = await service.line((one) => one['jid'] === jid);
    assert.deepEqual([line.msg, line['request_id'], line['operation']], ['job succeeded', 'r-17', 'add']);
  });
});

describe('on a terminal', () => {
  const hasPython = spawnSync('python3', ['--version']).status === 0;

  it('the lines are for a person', { skip: !hasPython && 'python3 is missing' }, async () => {
    const command = [process.execPath, ...nodeArgs, programOf('src/main.ts'), 'worker'];
    // Waits for the first lines, then ends the program.
    const script = `import os,pty,sys,signal
pid, fd = pty.fork()
if pid == 0:
    os.execve(sys.argv[1], sys.argv[1:], {'PATH': os.environ['PATH'], 'FAKTORY_URL': 'tcp://127.0.0.1:1', 'NO_COLOR': '1'})
seen = b''
while b'the worker runs' not in seen:
    seen += os.read(fd, 4096)
os.kill(pid, signal.SIGKILL)
sys.stdout.buffer.write(seen)`;
    const child = spawnChild('python3', ['-c', script, ...command], { stdio: ['ignore', 'pipe', 'inherit'] });
    const seen = await text(child.stdout);
    assert.match(seen, /^\[\d\d:\d\d:\d\d\.\d{3}\] INFO: the worker runs \{"queues":/m);
    assert.doesNotMatch(seen, /^\{/m);
    assert.doesNotMatch(seen, /\u001b/, 'NO_COLOR is set');
  });
});
