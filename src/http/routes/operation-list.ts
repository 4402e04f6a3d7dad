// Lists the operations in the text of an error, for callers that asked for another operation.
import type { JobRegistry } from '../../domain/job-type.ts';

const namesMax = 10;

/** For example `add, divide`. Of many operations it names the first. */
export function listOperations({ types }: JobRegistry): string {
  const names = types.slice(0, namesMax).map(({ name }) => name);
  const more = types.length > namesMax ? ` and ${types.length - namesMax} more, which /openapi.json has` : '';
  return names.join(', ') + more;
}
