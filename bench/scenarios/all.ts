// The scenarios in the order of the report.
import type { Scenario } from '../scenario.ts';
import { p1 } from './p1-singles.ts';
import { p2 } from './p2-embedded.ts';
import { p3 } from './p3-batches.ts';
import { p4 } from './p4-distance.ts';
import { p5 } from './p5-first-batch.ts';
import { p6 } from './p6-worker.ts';
import { p7 } from './p7-bytes.ts';
import { p8 } from './p8-end-to-end.ts';
import { p9 } from './p9-start.ts';
import { p10 } from './p10-growth.ts';
import { p11 } from './p11-few-callers.ts';
import { p13 } from './p13-few-callers-faktory.ts';
import { p14 } from './p14-declared-types.ts';
import { p15 } from './p15-streams.ts';
import { p17 } from './p17-processes.ts';
import { p18 } from './p18-keys.ts';
import { frames } from './frames.ts';
import { batchCallers, callers, distance, distantBatches, sizes } from './sweeps.ts';

export const scenarios: readonly Scenario[] = [
  p1,
  p2,
  p3,
  p4,
  p5,
  p6,
  p7,
  p8,
  p9,
  p10,
  p11,
  p13,
  p14,
  p15,
  p17,
  p18,
  callers,
  batchCallers,
  sizes,
  distance,
  distantBatches,
  frames,
];
