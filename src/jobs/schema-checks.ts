// Searches a schema for asynchronous functions, which JSON Schema does not show. A synchronous check of such a schema throws as
// soon as a body reaches them.

const asyncFunction = Object.getPrototypeOf(async () => undefined) as object;
const isAsynchronous = (value: unknown): boolean =>
  typeof value === 'function' && Object.getPrototypeOf(value) === asyncFunction;

/** True when any check or step of the schema, or of a schema inside it, is an asynchronous function. */
export function findAsynchronousCheck(schema: object): boolean {
  const seen = new Set<object>();
  // zod keeps what a schema was made from in `_zod.def`, and a getter there makes a recursive one (zod 4, core/schemas.ts).
  const visit = (value: unknown): boolean => {
    if (isAsynchronous(value)) return true;
    if (typeof value !== 'object' || value === null || seen.has(value)) return false;
    seen.add(value);
    if (Array.isArray(value)) return value.some(visit);
    const definition = '_zod' in value ? (value._zod as { def: object }).def : value;
    return Object.values(definition).some(visit);
  };
  return visit(schema);
}
