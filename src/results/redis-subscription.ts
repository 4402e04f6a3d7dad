// The subscription of a process. A Redis that refuses it (an ACL without the channel) is asked again on the same
// connection: a new one would be refused as well.
import type { Redis } from 'ioredis';
import { createTrouble, type RedisLog } from './redis-connection.ts';

export interface SubscriptionOptions {
  redis: Redis;
  channel: string;
  log: RedisLog;
  /** Called after every loss, too: messages that were published meanwhile did not arrive. */
  onSubscribed: () => void;
  onMessage: (text: string) => void;
}

export interface Subscription {
  /** Subscribes, unless that is done or under way. */
  retry(): void;
  close(): void;
}

export function createSubscription({
  redis,
  channel,
  log,
  onSubscribed,
  onMessage,
}: SubscriptionOptions): Subscription {
  const refusal = createTrouble(
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
