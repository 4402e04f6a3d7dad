// The four operations for tests, as jobs and as a registry.
import assert from 'node:assert/strict';
import { createJob, type Job } from '../../src/domain/job.ts';
import { createRegistry, type JobType } from '../../src/domain/job-type.ts';
import type { EntryOptions } from '../../src/http/entries/entry.ts';
import { builtInTypes } from '../../src/jobs/built-in.ts';

export const registry = createRegistry(builtInTypes);

/** How the HTTP side reads jobs, as the program has it without a setting. */
export const entryOptions: EntryOptions = {
  registry,
  jobBodyBytesMax: 65_536,
  payloadCompressBytes: 1024,
  enqueueQueues: [],
  passthroughJobtypes: [],
};

export const operationNames: readonly string[] = builtInTypes.map(({ name }) => name);

export function typeNamed(name: string): JobType {
  const type = registry.byName(name);
  assert.ok(type, `there is no type ${name}`);
  return type;
}

/** The type's first example. */
export function exampleOf(name: string): { args: { a: number; b: number }; result: number } {
  const [example] = typeNamed(name).examples;
  return example as { args: { a: number; b: number }; result: number };
}

interface TwoNumbers {
  a: number;
  b: number;
  request_id?: string | null | undefined;
}

/** A job of one of the four operations. */
export function createArithmeticJob(name: string, args: TwoNumbers, jid?: string): Job {
  const type = typeNamed(name);
  const reading = type.readFlat(args);
  assert.ok(reading.success, 'the arguments are valid');
  return createJob(type, reading.args, jid);
}
