// One job in the API document, flat or explicit, made from the types. entry.ts reads the requests.
import { z } from 'zod';
import type { JobRegistry, JobType } from '../../domain/job-type.ts';
import { optionFields } from './job-options.ts';

export interface EntryDocumentOptions {
  registry: JobRegistry;
  passthroughJobtypes: readonly string[];
}

const flatOf = ({ name, body }: JobType): z.ZodType => z.intersection(z.object({ operation: z.literal(name) }), body);

const explicitOf = ({ name, args }: JobType): z.ZodType =>
  z.strictObject({ operation: z.literal(name), args, ...optionFields });

/** A type whose arguments are a tuple has only the explicit form. */
const isFlatToo = ({ body }: JobType): boolean => !('shape' in body && Object.hasOwn(body.shape as object, 'args'));

/** `*` at the end of a jobtype stands for any rest. */
const patternOf = (jobtypes: readonly string[]): string => {
  const parts = jobtypes.map((jobtype) => {
    const text = jobtype.replace(/\*$/, '').replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
    return jobtype.endsWith('*') ? text : `${text}$`;
  });
  return `^(?:${parts.join('|')})`;
};

const foreignOf = (jobtypes: readonly string[]): z.ZodType =>
  z.strictObject({
    jobtype: z.string().meta({ description: 'One of PASSTHROUGH_JOBTYPES', pattern: patternOf(jobtypes) }),
    args: z.array(z.unknown()),
    ...optionFields,
    queue: optionFields.queue.unwrap(),
  });

const later = '2030-12-01T08:00:00Z';

/** Examples that the service accepts unchanged. */
export function examplesOf({ types }: JobRegistry): object[] {
  return types.flatMap(({ name, examples: [example], bodyExamples: [body] }) =>
    example === undefined
      ? []
      : [
          { operation: name, ...(body as object) },
          { operation: name, args: example.args, at: later, retry: 3 },
        ],
  );
}

export function describeEntry({ registry, passthroughJobtypes }: EntryDocumentOptions): z.ZodType {
  const { types } = registry;
  return z
    .union([
      ...types.filter(isFlatToo).map(flatOf),
      ...types.map(explicitOf),
      ...(passthroughJobtypes.length > 0 ? [foreignOf(passthroughJobtypes)] : []),
    ])
    .meta({ examples: examplesOf(registry) });
}
