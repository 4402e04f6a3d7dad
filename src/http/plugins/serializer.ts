// Writes responses with fast-json-stringify, from the zod schemas that are also in the API document. A serializer that validates
// would cost five times as much.
import fastJsonStringify, { type Schema } from 'fast-json-stringify';
import type { FastifySerializerCompiler } from 'fastify';
import { z } from 'zod';
import { plainText } from '../routes/schemas.ts';

const toSchema = (schema: z.ZodType): Schema =>
  z.toJSONSchema(schema, {
    target: 'draft-7',
    io: 'output',
    override: ({ jsonSchema }) => {
      if (jsonSchema[plainText] === true) jsonSchema.format = 'unsafe';
    },
  }) as Schema;

type Serializer = (data: unknown) => string;

const compiled = new WeakMap<z.ZodType, Serializer>();

/** Fastify's `serializerCompiler`; each schema is compiled once, however many routes and apps use it. */
export const compileSerializer: FastifySerializerCompiler<z.ZodType> = ({ schema }) => {
  const serializer = compiled.get(schema) ?? fastJsonStringify(toSchema(schema));
  compiled.set(schema, serializer);
  return serializer;
};
