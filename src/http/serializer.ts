// Answers are written by fast-json-stringify, made from the same zod schemas that describe them in the API document:
// a fifth of the cost of a validating serializer (research/dependencies.md 2).
import fastJsonStringify, { type Schema } from 'fast-json-stringify';
import type { FastifySerializerCompiler } from 'fastify';
import { z } from 'zod';

type Serializer = (data: unknown) => string;

/** Fastify's `serializerCompiler`; each schema is compiled once, however many routes use it. */
export function createSerializerCompiler(): FastifySerializerCompiler<z.ZodType> {
  const compiled = new Map<z.ZodType, Serializer>();
  return ({ schema }) => {
    const serializer =
      compiled.get(schema) ?? fastJsonStringify(z.toJSONSchema(schema, { target: 'draft-7', io: 'output' }) as Schema);
    compiled.set(schema, serializer);
    return serializer;
  };
}
