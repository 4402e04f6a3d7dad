// A broker on a disk that loses what was not synced, in a process that the kill test can end at any moment.
// Arguments: the data folder, and whether the disk is told to sync.
import { createBroker } from '../../src/broker/broker.ts';
import { openDurableStore } from '../../src/broker/storage/durable-store.ts';
import { losingUnsynced } from './faulty-store.ts';

const [dataDir, honest] = process.argv.slice(2);
if (dataDir === undefined) throw new Error('the data folder is missing');
const broker = await createBroker({
  dataDir,
  openStore: (folder) => openDurableStore(folder, losingUnsynced(honest === 'true')),
});
console.log(broker.port);
