// The simulated broker: greeting, HELLO, PUSHB, INFO, END as Faktory 1.9.4 answers them, one command after another on each
// connection, with the traps that were measured on it. What becomes of one PUSHB is decided in verdicts.ts.
import { lies, greetingLies } from './lies.ts';
import { decideVerdict, giveUpMs, type BrokerState, type Verdict } from './verdicts.ts';
import type { FarEnd, Peer, World } from './world.ts';

export interface Broker {
  accept(far: FarEnd): Peer | undefined;
  /** Dies at once: connections end, what it was about to store is stored in part or not at all. */
  crash(downMs: number): void;
  /** Ends as at SIGTERM: no listener, `shutdown in progress` to the next command. */
  shutDown(downMs: number): void;
  /** Its Redis answers nothing until then. */
  pauseRedis(untilMs: number): void;
  /** Its Redis refuses writes until then. */
  failRedis(untilMs: number, text: string): void;
  /** New connections are turned away after the handshake until then. */
  limitConnections(untilMs: number): void;
}

/** A connection as the broker sees it. */
interface Link {
  far: FarEnd;
  peer: Peer;
  unread: string;
  lines: string[];
  hasGreeted: boolean;
  isBusy: boolean;
  isGone: boolean;
}

/** Of the whole handshake; the server then closes without a word (server/server.go:249). */
const handshakeMsMax = 2000;

const bulk = (text: string): string => `$${Buffer.byteLength(text)}\r\n${text}\r\n`;

export function createBroker(world: World): Broker {
  const { scheduler, random, ledger, log, strikes, count } = world;
  const links = new Set<Link>();
  /** What commands under way will still store. */
  const unstored = new Set<Verdict['stored']>();
  const state: BrokerState = { redisPausedUntilMs: 0, redisErrorUntilMs: 0, redisError: '' };
  let downUntilMs = 0;
  let isShuttingDown = false;
  let limitedUntilMs = 0;

  function note(link: Link, text: string): void {
    log.add(scheduler.nowMs, `@${link.far.id} ${text}`);
  }

  function end(link: Link, how: 'fin' | 'rst'): void {
    link.isGone = true;
    links.delete(link);
    link.far.close(how);
  }

  function accept(far: FarEnd): Peer | undefined {
    if (downUntilMs > scheduler.nowMs) return undefined;
    const link: Link = {
      far,
      unread: '',
      lines: [],
      hasGreeted: false,
      isBusy: false,
      isGone: false,
      peer: {
        read(bytes) {
          if (link.isGone) return;
          const parts = (link.unread + bytes.toString('latin1')).split('\n');
          link.unread = parts.pop() as string;
          link.lines.push(...parts.map((part) => Buffer.from(part.replace(/\r$/, ''), 'latin1').toString()));
          runNext(link);
        },
        gone() {
          // What is under way goes on; lines that were read complete are still run.
          if (random.chance(0.5)) link.lines = [];
          links.delete(link);
        },
      },
    };
    links.add(link);
    greet(link);
    return link.peer;
  }

  function greet(link: Link): void {
    const salted = world.plan.password === undefined ? '' : ',"i":3,"s":"5a17"';
    if (strikes('greeting')) {
      const lie = random.pick(greetingLies);
      count('greeting lies');
      if (lie === '') return scheduler.after(handshakeMsMax, 'world', () => end(link, 'fin'));
      return link.far.send(lie, (socket) => (socket.isInDoubt = true));
    }
    link.far.send(`+HI {"v":2${salted}}\r\n`);
    scheduler.after(handshakeMsMax, 'world', () => link.hasGreeted || link.isGone || end(link, 'fin'));
  }

  function runNext(link: Link): void {
    if (link.isBusy || link.isGone) return;
    const line = link.lines.shift();
    if (line === undefined) return;
    link.isBusy = true;
    if (!link.hasGreeted) return hello(link, line);
    if (isShuttingDown) {
      count('shutdown in progress');
      reply(link, '-ERR shutdown in progress\r\n');
      return end(link, 'fin');
    }
    if (line.startsWith('PUSHB ')) return pushBulk(link, line);
    if (line === 'INFO') return info(link);
    if (line !== 'END') world.fail('bad line', `the broker read ${line.slice(0, 80)}`);
    end(link, 'fin');
  }

  /** Asks Redis, and gives up as every command does. */
  function info(link: Link): void {
    count('INFOs');
    const pausedMs = state.redisPausedUntilMs - scheduler.nowMs;
    const reply = pausedMs > giveUpMs ? '-ERR context deadline exceeded\r\n' : bulk('{"now":"2026-01-01T00:00:00Z"}');
    scheduler.after(Math.min(Math.max(0.1, pausedMs), giveUpMs), 'world', () => finish(link, reply));
  }

  function hello(link: Link, line: string): void {
    if (!line.startsWith('HELLO {')) return end(link, 'fin');
    link.hasGreeted = true;
    const isLimited = limitedUntilMs > scheduler.nowMs || strikes('limit');
    link.far.send('+OK\r\n', (client) => client.becomeLive());
    if (isLimited) {
      // Unsolicited, and no command is read any more (server/server.go:361).
      count('connection limit');
      return scheduler.after(random.pick([0, 1, 20]), 'world', () => {
        link.far.send('-ERR too many connections: 2001\r\n', (socket) => (socket.isInDoubt = true));
        end(link, 'fin');
      });
    }
    link.isBusy = false;
    if (strikes('stray')) scheduler.after(random.between(0, 2000), 'world', () => sayStray(link));
    runNext(link);
  }

  function sayStray(link: Link): void {
    if (link.isGone) return;
    count('stray replies');
    // A reply that fits the command that waits cannot be told from the real one, by anybody.
    link.far.send(random.pick(['+OK\r\n', '$-1\r\n', 'PUSH\r\n']), (socket) => (socket.isInDoubt = true));
  }

  function reply(link: Link, text: string, onDelivered?: () => void): void {
    note(link, `says ${JSON.stringify(text.slice(0, 60))}`);
    if (link.isGone) return;
    link.far.send(text, (client) => {
      client.replied(text);
      onDelivered?.();
    });
  }

  function finish(link: Link, text: string, onDelivered?: () => void): void {
    reply(link, text, onDelivered);
    link.isBusy = false;
    runNext(link);
  }

  function storeAll(items: Verdict['stored']): void {
    for (const { jid, copies } of items) {
      log.add(scheduler.nowMs, `stores ${jid} x${copies}`);
      ledger.store(jid, copies);
    }
  }

  function pushBulk(link: Link, line: string): void {
    const jids = (JSON.parse(line.slice('PUSHB '.length)) as { jid: string }[]).map(({ jid }) => jid);
    ledger.checkFrame(line, jids);
    count('frames');
    if (jids.length > world.plan.frameJobsMax) world.fail('limit exceeded', `a frame of ${jids.length} jobs`);
    const verdict = decideVerdict(world, state, jids);
    note(link, `${verdict.kind}: ${jids.join(' ')}`);
    count(`verdict: ${verdict.kind}`);
    unstored.add(verdict.stored);
    scheduler.after(verdict.storeAfterMs, 'world', () => unstored.delete(verdict.stored) && storeAll(verdict.stored));
    if (verdict.kind === 'crash')
      return scheduler.after(verdict.replyAfterMs, 'world', () => crash(random.between(5, 1500)));
    scheduler.after(verdict.replyAfterMs, 'world', () => conclude(link, verdict, jids));
  }

  function conclude(link: Link, verdict: Verdict, jids: readonly string[]): void {
    if (verdict.kind === 'silent') return;
    if (verdict.kind === 'lie') {
      // As when the replies of two commands are swapped: a map of another command's jobs.
      const text = random.chance(0.3) ? bulk(JSON.stringify({ j9999999: 'OOM' })) : random.pick(lies);
      link.far.send(text, (client) => (client.isInDoubt = true));
    }
    const text = verdict.error === undefined ? bulk(JSON.stringify(verdict.refusals)) : `-ERR ${verdict.error}\r\n`;
    const accepted = verdict.error === undefined ? jids.filter((jid) => !(jid in verdict.refusals)) : [];
    finish(link, text, () => ledger.positive(accepted));
  }

  function crash(downMs: number): void {
    log.add(scheduler.nowMs, `broker crashes for ${downMs.toFixed(1)}`);
    count('crashes');
    downUntilMs = Math.max(downUntilMs, scheduler.nowMs + downMs);
    // A frame is not stored as a whole: the jobs go to Redis one by one.
    for (const items of unstored) storeAll(items.slice(0, random.int(0, items.length)));
    unstored.clear();
    for (const link of links) end(link, random.pick(['fin', 'rst']));
  }

  return {
    accept,
    crash,
    shutDown(downMs) {
      count('shutdowns');
      isShuttingDown = true;
      downUntilMs = Math.max(downUntilMs, scheduler.nowMs + downMs);
      scheduler.after(Math.min(200, downMs), 'world', () => {
        for (const link of links) if (!link.isBusy) end(link, 'fin');
      });
      scheduler.at(downUntilMs, 'world', () => {
        for (const link of links) end(link, 'fin');
        isShuttingDown = false;
      });
    },
    pauseRedis: (untilMs) => (state.redisPausedUntilMs = untilMs),
    failRedis(untilMs, text) {
      state.redisErrorUntilMs = untilMs;
      state.redisError = text;
    },
    limitConnections: (untilMs) => (limitedUntilMs = untilMs),
  };
}
