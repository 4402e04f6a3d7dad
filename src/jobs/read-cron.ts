// Reads `cron` of a definition: one schedule or a list of them. Each is checked, so that a wrong schedule stops the start.
import { z } from 'zod';
import { isTimeZone, readPattern, type Pattern } from '../cron/pattern.ts';
import type { Schedule } from '../domain/cron.ts';
import { bytesOf, digestOf } from '../domain/digest.ts';
import type { JobType } from '../domain/job-type.ts';
import type { Compiled, DefinitionProblem } from './compiled.ts';

const schedulesMax = 100;
/** As many bytes as a caller may post (JOB_BODY_BYTES_MAX). */
const argsBytesMax = 65_536;

const entrySchema = z.strictObject(
  {
    name: z
      .string('must be a text')
      .regex(/^[a-z0-9][a-z0-9_-]{0,63}$/, 'must be a small letter or a digit, then up to 63 of a-z 0-9 _ -')
      .optional(),
    schedule: z.string('must be a text, for example 0 3 * * *'),
    timeZone: z
      .string('must be a text, for example Europe/Berlin')
      .refine(isTimeZone, 'is no time zone that this Node knows; an example is Europe/Berlin')
      .default('UTC'),
    args: z.unknown().optional(),
    catchUp: z.boolean('must be true or false').default(false),
  },
  'must be an object with a schedule, or a list of such objects',
);

interface Entry extends Omit<z.output<typeof entrySchema>, 'schedule'> {
  readonly pattern: string;
  readonly times: Pattern;
}

export interface ReadCron {
  entries: readonly Entry[];
  /** Whether `cron` is a list. */
  isList: boolean;
  problems: readonly DefinitionProblem[];
}

/** Reads everything but the arguments. */
export function readCron(cron: unknown): ReadCron {
  const isList = Array.isArray(cron);
  const given: readonly unknown[] = cron === undefined ? [] : isList ? (cron as unknown[]) : [cron];
  if (given.length > schedulesMax)
    return { entries: [], isList, problems: [{ field: 'cron', message: `must be at most ${schedulesMax} schedules` }] };
  const read = given.map((one, index) => readEntry(one, isList ? `cron.${index}` : 'cron'));
  return {
    entries: read.flatMap((one) => ('entry' in one ? [one.entry] : [])),
    isList,
    problems: read.flatMap((one) => ('problems' in one ? one.problems : [])),
  };
}

function readEntry(given: unknown, field: string): { entry: Entry } | { problems: DefinitionProblem[] } {
  const parsed = entrySchema.safeParse(given);
  const issues = parsed.success ? [] : parsed.error.issues;
  const problems = issues.map((issue) =>
    issue.code === 'unrecognized_keys'
      ? { field: issue.keys.map((key) => `${field}.${key}`).join(', '), message: 'is no field of a schedule' }
      : { field: [field, ...issue.path].map(String).join('.'), message: issue.message },
  );
  // The pattern is checked even when another field is wrong, so that all problems are reported at once.
  const pattern = parsed.success ? parsed.data.schedule : (given as { schedule?: unknown } | null)?.schedule;
  if (typeof pattern !== 'string') return { problems };
  const times = readPattern(pattern, parsed.success ? parsed.data.timeZone : 'UTC');
  if ('problem' in times) problems.push({ field: `${field}.schedule`, message: times.problem });
  if ('problem' in times || !parsed.success) return { problems };
  return { entry: { ...parsed.data, pattern: pattern.trim().replace(/\s+/g, ' '), times } };
}

/** A name from the schedule's content: it stays the same while a list is reordered or grows, and changes with the schedule. */
function nameByContent({ pattern, timeZone }: Entry, argsJson: string): string {
  return bytesOf(digestOf(JSON.stringify([pattern, timeZone, argsJson])))
    .toString('hex')
    .slice(0, 8);
}

/** Adds schedules to a type whose schema has accepted their arguments. */
export function scheduleType({ entries, isList }: ReadCron, type: JobType): Compiled {
  if (entries.length === 0) return { type };
  const problems: DefinitionProblem[] = [];
  const schedules: Schedule[] = [];
  for (const [index, entry] of entries.entries()) {
    const field = isList ? `cron.${index}` : 'cron';
    const reading = type.readArgs(entry.args ?? (type.isTuple ? [] : {}), undefined);
    if (!reading.success) {
      const found = reading.issues.map(({ path, message }) => ({
        field: [field, 'args', ...path].map(String).join('.'),
        message,
      }));
      problems.push(...found);
      continue;
    }
    const { args } = reading;
    if (args.jsonBytes > argsBytesMax)
      problems.push({ field: `${field}.args`, message: `must be at most ${argsBytesMax} bytes of JSON` });
    const own = entry.name ?? (isList ? nameByContent(entry, args.json) : undefined);
    const name = own === undefined ? type.name : `${type.name}:${own}`;
    const first = schedules.findIndex((other) => other.name === name);
    if (first !== -1)
      problems.push({
        field,
        message: `has the name of cron.${first}, or is the same schedule: give it a name of its own`,
      });
    const { pattern, timeZone, catchUp, times } = entry;
    schedules.push({ name, pattern, timeZone, args, catchUp, ...times });
  }
  return problems.length > 0 ? { problems } : { type: { ...type, schedules } };
}
