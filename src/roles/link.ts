// The interface between the API and a broker, in this process or in another.
import type { JobRemover } from '../domain/job-remover.ts';
import type { Operator } from '../domain/operator.ts';
import type { FrameSender } from '../domain/producer.ts';
import type { BrokerState } from '../domain/broker-state.ts';

export interface BrokerLink {
  sender: FrameSender;
  remover: JobRemover;
  operator: Operator;
  /** The present state of the broker, for createBrokerPoll. Rejects when the broker does not reply. */
  readState: () => Promise<BrokerState>;
}
