// Connects the API to a broker in the same process.
import type { Broker } from '../broker/broker.ts';
import { createEngineOperator } from './engine-operator.ts';
import { createEngineRemover } from './engine-remover.ts';
import { createEngineSender } from './engine-sender.ts';
import { readEngineState } from './engine-state.ts';
import { systemClock } from '../domain/clock.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { BrokerLink } from './link.ts';

type InnerBroker = Pick<Broker, 'engine' | 'push' | 'mutations'>;

export function createEngineLink(
  { engine, push, mutations }: InnerBroker,
  metrics: Metrics,
  onSenderChange: () => void,
): BrokerLink {
  const onFrame = metrics.faktoryFrame;
  return {
    sender: createEngineSender({ engine, push, clock: systemClock, onChange: onSenderChange, onFrame }),
    remover: createEngineRemover(mutations),
    operator: createEngineOperator(engine, mutations),
    readState: async () => readEngineState(engine),
  };
}
