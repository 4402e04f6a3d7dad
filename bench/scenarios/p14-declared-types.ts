// P14: job types declared in files, beside the arithmetic with the same numbers, and beside bare Fastify with the same body.
import { fileURLToPath } from 'node:url';
import {
  batches,
  batchSchedule,
  singleBody,
  singles,
  takeTurnsAfresh,
  type SingleRequest,
} from '../harness/contestants.ts';
import { compareRates } from '../harness/comparison.ts';
import type { Scope } from '../harness/scope.ts';
import { problemsOf, turnsTable } from '../report/tables.ts';
import type { Scenario } from '../scenario.ts';
import { startBareFastify } from '../servers/peers.ts';
import { startIdleAllInOne, type IdleAllInOne } from '../servers/idle-all-in-one.ts';
import * as names from './names.ts';

const jobsDir = fileURLToPath(new URL('../jobs', import.meta.url));
const sum: SingleRequest = { path: '/jobs/sum', body: singleBody };
const order: SingleRequest = { path: '/jobs/order', body: orderOf(1000) };
const packedOrder: SingleRequest = { path: '/jobs/packed_order', body: orderOf(1100) };
const [arithmetic, declared] = ['the arithmetic', 'a declared type, the same numbers'];
const [large, compressed] = ['1,000 bytes of arguments', '1,100 bytes of arguments, compressed'];

export const p14: Scenario = {
  id: 'P14',
  title: 'Declared types of jobs, all in one process, synced before every 202',
  needs: [],
  async run({ schedule }) {
    const one = { callers: 64, durationMs: schedule.turnMs };
    const many = { callers: 8, durationMs: schedule.turnMs };
    const ofNumbers = await takeTurnsAfresh(async (round) => {
      const { service, counter } = await start(round);
      return [singles(arithmetic, service, one, counter), singles(declared, service, one, counter, sum)];
    }, schedule);
    const ofBatches = await takeTurnsAfresh(async (round) => {
      const { service, counter } = await start(round);
      return [
        batches(arithmetic, service, 100, many, counter),
        batches(declared, service, 100, many, counter, { operation: 'sum', a: 1, b: 2 }),
      ];
    }, batchSchedule(schedule));
    const ofOrders = await takeTurnsAfresh(async (round) => {
      const { service, counter } = await start(round);
      return [
        singles(names.bare, await startBareFastify(round), one, undefined, order),
        singles(large, service, one, counter, order),
        singles(compressed, service, one, counter, packedOrder),
      ];
    }, schedule);
    const batchCheck = compareRates(ofBatches, declared, arithmetic, { atLeast: 0.8 });
    return {
      checks: [
        compareRates(ofNumbers, declared, arithmetic, { atLeast: 0.9 }),
        { ...batchCheck, what: `batches of 100, ${batchCheck.what}` },
        compareRates(ofOrders, large, names.bare, { atLeast: 0.7 }),
      ],
      tables: [
        turnsTable('Single jobs with two numbers, 64 callers', ofNumbers),
        turnsTable('Batches of 100 with two numbers, 8 callers', ofBatches),
        turnsTable('Single jobs with an order of 1,000 bytes, 64 callers', ofOrders),
      ],
      notes: [...problemsOf(ofNumbers), ...problemsOf(ofBatches), ...problemsOf(ofOrders)],
    };
  },
};

const start = (round: Scope): Promise<IdleAllInOne> => startIdleAllInOne(round, { JOBS_DIR: jobsDir });

/** An order whose JSON has so many bytes. */
function orderOf(bytes: number): string {
  const lines: object[] = [];
  const bodyOf = (customer: string): string => JSON.stringify({ customer, express: false, lines });
  for (let number = 1; bodyOf('').length < bytes - 150; number++)
    lines.push({
      sku: `A-${1000 + number * 37}`,
      count: (number % 5) + 1,
      price: number * 3.95,
      note: `shelf ${number}`,
    });
  return bodyOf('m'.repeat(bytes - bodyOf('').length));
}
