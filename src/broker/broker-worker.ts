// Entry of the thread that broker-thread.ts starts.
import { parentPort, workerData } from 'node:worker_threads';
import type { BrokerThreadData, BrokerThreadMessage } from './broker-thread.ts';
import { createBroker } from './broker.ts';
import { messageOf } from './ledger.ts';

const send = (message: BrokerThreadMessage): void => parentPort?.postMessage(message);

try {
  const broker = await createBroker({
    ...(workerData as BrokerThreadData),
    report: (message, cause) =>
      send({ type: 'report', message, cause: cause === undefined ? undefined : messageOf(cause) }),
    onAudit: (entry) => send({ type: 'audit', entry }),
  });
  parentPort?.once('message', () => {
    // Without listeners the port no longer holds the thread, and it ends when the broker has.
    void broker.close().finally(() => parentPort?.close());
  });
  const { host, port, durability, recovered } = broker;
  send({ type: 'ready', host, port, durability, recovered });
} catch (error) {
  const { message, code } = error as Error & { code?: string };
  send({ type: 'refused', message, code });
  parentPort?.close();
}
