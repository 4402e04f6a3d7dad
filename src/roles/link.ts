// What the API needs of a broker, wherever it is.
import type { JobRemover } from '../domain/job-remover.ts';
import type { Operator } from '../domain/operator.ts';
import type { FrameSender } from '../domain/producer.ts';
import type { BrokerJobs } from '../metrics.ts';

export interface BrokerLink {
  sender: FrameSender;
  remover: JobRemover;
  operator: Operator;
  brokerJobs: () => Promise<BrokerJobs>;
}
