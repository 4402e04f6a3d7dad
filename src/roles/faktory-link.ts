// The API's connections to a broker in another process.
import type { FaktoryAddress } from '../domain/faktory-address.ts';
import { systemClock } from '../domain/clock.ts';
import { readBrokerState } from '../faktory/broker-state.ts';
import { FaktoryClient } from '../faktory/client.ts';
import { createJobRemover } from '../faktory/job-remover.ts';
import { createFrameSender } from '../faktory/frame-sender.ts';
import { createFaktoryOperator } from '../faktory/operator.ts';
import { createStoreRefusal } from '../faktory/store-refusal.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { clientOptions } from './client-options.ts';
import type { BrokerLink } from './link.ts';
import type { RoleContext } from './role.ts';

/** A broker that hangs loses a frame for each connection and timeout. One log line in this time is enough. */
const lossLogPauseMs = 5000;

export function createFaktoryLink(
  { config, log }: Pick<RoleContext, 'config' | 'log'>,
  address: FaktoryAddress,
  metrics: Metrics,
  onSenderChange: () => void,
): BrokerLink {
  const clock = systemClock;
  const client: FaktoryClient = new FaktoryClient({
    ...clientOptions(config, address),
    size: config.FAKTORY_MAX_CONNECTIONS,
    onChange: () => sender.onClientChange(),
    onRoom: onSenderChange,
  });
  const storeRefusal = createStoreRefusal(clock);
  let lostJobs = 0;
  let lossLoggedMs = -Infinity;
  function logLoss(jobs: number): void {
    lostJobs += jobs;
    if (clock.now() - lossLoggedMs < lossLogPauseMs) return;
    log.warn({ jobs: lostJobs }, 'jobs were under way when their connection was given up: their callers are told so');
    lostJobs = 0;
    lossLoggedMs = clock.now();
  }
  const sender = createFrameSender({
    client,
    clock,
    syncs: config.FAKTORY_DURABILITY === 'fsync',
    onChange: onSenderChange,
    onFrame: (jobs, seconds, frameOutcome, outcomes) => {
      storeRefusal.see(outcomes);
      metrics.faktoryFrame(jobs, seconds, frameOutcome);
      if (frameOutcome === 'lost') logLoss(jobs);
    },
    onDown: (reason) => {
      if (reason) log.warn({ error: reason.message }, 'the broker is away: jobs are refused');
      else log.info('the broker is there again');
    },
  });
  // The ping tells whether the broker is the embedded one. Until its reply the broker counts as Faktory.
  void client.warm.then(() => sender.ping()).catch(() => undefined);
  metrics.readConnections('producer', () => ({
    states: client.states,
    openedCount: client.openedCount,
    lostCount: client.lostCount,
    downReason: client.downReason ?? storeRefusal.reason,
  }));
  const side = {
    open: (onChange: () => void) => new FaktoryClient({ ...clientOptions(config, address), size: 1, onChange }),
    clock,
    timeoutMs: config.ENQUEUE_TIMEOUT_MS,
  };
  const remover = createJobRemover({ ...side, tells: () => client.isEmbedded });
  return {
    sender,
    remover,
    operator: createFaktoryOperator({ ...side, client, address }),
    // The command takes a slot, which is free again when it ends.
    readState: () => readBrokerState(client).finally(onSenderChange),
  };
}
