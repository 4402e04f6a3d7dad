// The scenarios in the order of the report.
import type { Scenario } from '../scenario.ts';
import { p1 } from './p1-singles.ts';

export const scenarios: readonly Scenario[] = [p1];
