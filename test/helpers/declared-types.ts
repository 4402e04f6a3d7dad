// Declared types for tests of the HTTP side: one with an object, one with a tuple, one for other people's workers.
import assert from 'node:assert/strict';
import { z } from 'zod';
import { createRegistry, type JobType } from '../../src/domain/job-type.ts';
import { builtInTypes } from '../../src/jobs/built-in.ts';
import { compileDefinition } from '../../src/jobs/compile-definition.ts';

function typeOf(definition: Record<string, unknown>): JobType {
  const compiled = compileDefinition(definition);
  assert.ok('type' in compiled, JSON.stringify(compiled));
  return compiled.type;
}

const run = (): null => null;

export const resize = typeOf({
  ...{ name: 'resize', jobtype: 'ResizeImage', queue: 'images', retry: 5, reserveFor: 600, compress: true, run },
  args: z.object({ url: z.string(), width: z.int().min(1).default(640), meta: z.unknown().optional() }),
  examples: [{ args: { url: 'https://example.com/a.png', width: 64 } }],
});

export const pair = typeOf({
  ...{ name: 'pair', run },
  args: z.tuple([z.string(), z.number()]),
  examples: [{ args: ['a', 1] }],
});

export const mail = typeOf({
  ...{ name: 'mail', queue: 'mails' },
  args: z.object({ to: z.string() }),
  examples: [{ args: { to: 'a@example.com' } }],
});

export const declaredRegistry = createRegistry([...builtInTypes, resize, pair, mail]);
