// `work-factory jobs`: the job types that the service takes.
import { defineCommand, exitCodes, type ExitCode, type Invocation } from '../command.ts';
import { listTypes, type JsonSchema } from '../job-types.ts';
import { aligned, printable } from '../output.ts';
import { openService, serviceOptions } from '../service.ts';

export const jobs = defineCommand({
  operands: '',
  operandCount: { min: 0, max: 0 },
  options: serviceOptions,
  about: `Asks the service, and prints a line for each job type: its name, and its arguments, "?" behind the optional
ones. work-factory jobs check reads the files of JOBS_DIR on this machine instead.`,
  exits: {
    done: 'listed',
    failed: 'the service refuses the request',
    usage: 'wrong usage',
    unreachable: 'the service cannot be reached',
  },
  examples: ['work-factory jobs', 'work-factory jobs --json'],
  run: listJobs,
});

async function listJobs(given: Invocation<typeof serviceOptions>): Promise<ExitCode> {
  const { output, options } = given;
  const types = await listTypes(openService(given));
  if (options.json) for (const { name, schema } of types) await output.printJson({ operation: name, args: schema });
  else {
    const lines = aligned(types.map(({ name, schema }) => [name, describeArgs(schema)]));
    for (const line of lines) await output.print(line);
  }
  return exitCodes.done;
}

function describeArgs({ properties = {}, required = [] }: JsonSchema): string {
  return Object.entries(properties)
    .map(([name, { type }]) => {
      const typeName = type === undefined ? '' : `: ${[type].flat().join(' or ')}`;
      return printable(`${name}${required.includes(name) ? '' : '?'}${typeName}`);
    })
    .join(', ');
}
