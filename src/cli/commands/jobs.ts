// `work-factory jobs`: the job types that the service takes, read from its API document.
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { aligned, printable } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';

export const jobs = defineCommand({
  operands: '',
  operandCount: { min: 0, max: 0 },
  options: serviceOptions,
  about: `Asks the service, and prints a line for each job type: its name, and its arguments, "?" behind those that
may be left out. work-factory jobs check reads the files of JOBS_DIR on this machine instead.`,
  exits: {
    done: 'listed',
    failed: 'the service refuses to answer',
    usage: 'wrong usage',
    unreachable: 'the service cannot be reached',
  },
  examples: ['work-factory jobs', 'work-factory jobs --json'],
  run: listJobs,
});

interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
  readonly example?: unknown;
  readonly examples?: readonly unknown[];
}

interface ApiDocument {
  readonly paths?: Readonly<
    Record<string, { post?: { requestBody?: { content?: Record<string, { schema?: JsonSchema }> } } }>
  >;
}

async function listJobs(given: Invocation<typeof serviceOptions>): Promise<ExitCode> {
  const { output, options } = given;
  const { body } = await openService(given).send('GET', '/openapi.json');
  const types = typesOf(body);
  if (options.json) for (const { name, schema } of types) await output.printJson({ operation: name, args: schema });
  else {
    const lines = aligned(types.map(({ name, schema }) => [name, describeArgs(schema)]));
    for (const line of lines) await output.print(line);
  }
  return exitCodes.done;
}

const reserved: ReadonlySet<string> = new Set(['batch', 'stream']);

function typesOf({ paths = {} }: ApiDocument): { name: string; schema: JsonSchema }[] {
  return Object.entries(paths).flatMap(([path, { post }]) => {
    const name = /^\/jobs\/([a-z][a-z0-9_]*)$/.exec(path)?.[1];
    if (name === undefined || reserved.has(name) || post === undefined) return [];
    return [{ name, schema: post.requestBody?.content?.['application/json']?.schema ?? {} }];
  });
}

function describeArgs({ properties = {}, required = [] }: JsonSchema): string {
  return Object.entries(properties)
    .map(([name, { type }]) => {
      const typeName = type === undefined ? '' : `: ${[type].flat().join(' or ')}`;
      return printable(`${name}${required.includes(name) ? '' : '?'}${typeName}`);
    })
    .join(', ');
}
