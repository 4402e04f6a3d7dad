// The contract of operators on the embedded broker in this process, and on Faktory.
import { operatorContract } from './contract/operator.ts';
import { embeddedTarget, fwpTarget } from './helpers/operator-targets.ts';
import { startFaktory } from './helpers/real-faktory.ts';
import { faktoryPath } from './helpers/real-parts.ts';

operatorContract({ name: 'the embedded broker', open: (t) => embeddedTarget(t), isEmbedded: true });

operatorContract({
  name: 'Faktory',
  open: async (t) => fwpTarget(t, (await startFaktory(t)).port),
  isEmbedded: false,
  skip: faktoryPath() === undefined && 'no Faktory on this machine',
});
