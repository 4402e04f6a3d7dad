// Wakes the waiters of this process when jobs end: Redis tells of ends in messages, and while somebody waits the records are
// looked at once a second, because a Redis that refuses to publish sends neither a message nor an error here.
import type { Redis } from 'ioredis';
import { systemClock, type Timer } from '../domain/clock.ts';
import { createOutageLog, type RedisLog } from './redis-connection.ts';
import { endedChannel, type RedisRecords } from './redis-records.ts';
import type { Waiters } from './waiters.ts';

export interface RedisEnds {
  /** To be called when somebody begins to wait. */
  watch(): void;
  close(): void;
}

interface RedisEndsOptions {
  /** A connection for the subscription alone. */
  connect: () => Redis;
  records: RedisRecords;
  waiters: Waiters;
  log: RedisLog;
}

/** How late a waiter learns of an end whose message was refused or lost. */
const lookEveryMs = 1000;

export function createRedisEnds({ connect, records, waiters, log }: RedisEndsOptions): RedisEnds {
  let subscription: Subscription | undefined;
  let looking: Timer | undefined;

  /** After a failure the next look tries again, and each waiter reads its record when its time is up. */
  const tryWake = (jids: readonly string[]): Promise<void> =>
    records.findEnded(jids, waiters.wake).catch(() => undefined);

  function lookSoon(): void {
    looking ??= systemClock.after(lookEveryMs, () => {
      void tryWake([...waiters.jids]).then(() => {
        looking = undefined;
        if (waiters.size > 0) lookSoon();
      });
      subscription?.retry();
    });
  }

  return {
    watch() {
      subscription ??= createSubscription({
        redis: connect(),
        channel: endedChannel,
        log,
        onSubscribed: () => void tryWake([...waiters.jids]),
        onMessage(jids) {
          const wanted = waiters.size === 0 ? [] : jids.split(',').filter((one) => waiters.has(one));
          if (wanted.length > 0) void tryWake(wanted);
        },
      });
      lookSoon();
    },
    close() {
      looking?.cancel();
      subscription?.close();
    },
  };
}

interface SubscriptionOptions {
  redis: Redis;
  channel: string;
  log: RedisLog;
  /** Called after every loss, too: messages that were published meanwhile did not arrive. */
  onSubscribed: () => void;
  onMessage: (text: string) => void;
}

interface Subscription {
  /** Subscribes, unless that is done or under way. */
  retry(): void;
  close(): void;
}

/**
 * The subscription of a process. A Redis that refuses it (an ACL without the channel) is asked again on the same connection,
 * because it would refuse a new connection as well.
 */
function createSubscription({ redis, channel, log, onSubscribed, onMessage }: SubscriptionOptions): Subscription {
  const refusal = createOutageLog(
    log,
    'Redis refuses the subscription: waiters look once a second',
    'Redis takes the subscription again',
  );
  /** Ends with its connection. */
  let isAsked = false;

  function retry(): void {
    if (isAsked || redis.status !== 'ready') return;
    isAsked = true;
    redis.subscribe(channel).then(
      () => {
        refusal.ended();
        onSubscribed();
      },
      (error: unknown) => {
        isAsked = false;
        // A connection that is lost has its own line in the log.
        if ((error as Error).name === 'ReplyError') refusal.began(error as Error);
      },
    );
  }

  redis.on('ready', retry);
  redis.on('close', () => (isAsked = false));
  redis.on('message', (_channel, text: string) => onMessage(text));
  return { retry, close: () => redis.disconnect() };
}
