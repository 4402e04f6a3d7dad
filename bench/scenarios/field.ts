// Everything that stores jobs, started side by side, each with its own broker's counter.
import { useBullmqCounter, useFaktoryCounter, type Counter } from '../harness/counts.ts';
import type { Scope } from '../harness/scope.ts';
import { startDelay } from '../servers/delay.ts';
import { startFaktory } from '../servers/faktory.ts';
import { startBullmq, startDocumented } from '../servers/peers.ts';
import { startRedis } from '../servers/redis.ts';
import { startApi, startEmbeddedBroker, type HttpServer } from '../servers/service.ts';
import * as names from './names.ts';

export interface Entrant {
  name: string;
  server: HttpServer;
  counter: Counter;
}

export interface Brokers {
  faktory: number;
  embedded: number;
  redis: number;
}

export async function startBrokers(scope: Scope): Promise<Brokers> {
  const [faktory, embedded, redis] = await Promise.all([
    startFaktory(scope),
    startEmbeddedBroker(scope),
    startRedis(scope),
  ]);
  return { faktory: faktory.port, embedded: embedded.port, redis: redis.port };
}

/** @param delayMs of the round trip to every broker; 0 for none */
export async function startField(scope: Scope, brokers: Brokers, delayMs: number): Promise<Entrant[]> {
  const path = async (port: number): Promise<number> => (delayMs === 0 ? port : startDelay(scope, port, delayMs));
  const [faktory, embedded, redis] = await Promise.all([
    path(brokers.faktory),
    path(brokers.embedded),
    path(brokers.redis),
  ]);
  const ofFaktory = await useFaktoryCounter(scope, brokers.faktory);
  return [
    { name: names.documented, server: await startDocumented(scope, faktory), counter: ofFaktory },
    {
      name: names.bullmq,
      server: await startBullmq(scope, redis),
      counter: await useBullmqCounter(scope, brokers.redis),
    },
    { name: names.onFaktory, server: await startApi(scope, faktory), counter: ofFaktory },
    {
      name: names.onEmbedded,
      server: await startApi(scope, embedded),
      counter: await useFaktoryCounter(scope, brokers.embedded),
    },
  ];
}
