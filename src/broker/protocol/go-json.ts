// JSON as Go's decoder reads it into a struct (encoding/json): names of fields match in any case, null means not given, and a
// value of another type than its field's makes the decoder refuse everything. Faktory's clients rely on that.

export type GoKind = 'string' | 'integer' | 'uint8' | 'array' | 'strings' | 'object' | 'boolean';

export interface GoStruct {
  readonly name: string;
  /** By name: the kind of JSON that the field takes, and the type that Go names in its refusal. */
  readonly fields: ReadonlyMap<string, readonly [kind: GoKind, goType: string]>;
}

export const goStruct = (name: string, fields: Record<string, readonly [GoKind, string]>): GoStruct => ({
  name,
  fields: new Map(Object.entries(fields)),
});

export function kindOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) && isInt64(value) ? 'integer' : 'number';
  return typeof value;
}

/** Go's `int`: retries are counted with it. */
const isInt64 = (value: number): boolean => value >= -(2 ** 63) && value < 2 ** 63;

export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** null counts as an empty text, as in Go. */
export const isTexts = (values: readonly unknown[]): boolean =>
  values.every((value) => value === null || typeof value === 'string');

function isOfKind(value: unknown, kind: GoKind): boolean {
  if (kind === 'strings') return Array.isArray(value) && isTexts(value);
  if (kind === 'uint8') return kindOf(value) === 'integer' && (value as number) >= 0 && (value as number) < 256;
  return kindOf(value) === kind;
}

/** The object with its keys as Go's decoder matches them: in any case, and the last of several that differ in case counts. */
export function withGoNames(object: Record<string, unknown>, { fields }: GoStruct): Record<string, unknown> {
  let isExact = true;
  for (const key in object) {
    if (!fields.has(key) && fields.has(fold(key))) isExact = false;
  }
  if (isExact) return object;
  const named: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(object)) {
    const name = fields.has(key) ? key : fold(key);
    if (value !== null && fields.has(name)) named[name] = value;
  }
  return named;
}

/** Folds case, and the two letters beyond ASCII that Go takes for `s` and `k`. */
const fold = (key: string): string => key.toUpperCase().toLowerCase();

/** Why Go would refuse the object, in Go's words, or undefined. */
export function goProblem(object: Record<string, unknown>, { name, fields }: GoStruct): string | undefined {
  for (const [field, [kind, goType]] of fields) {
    const value = object[field];
    if (value === undefined || value === null || isOfKind(value, kind)) continue;
    return `json: cannot unmarshal ${kindOf(value)} into Go struct field ${name}.${field} of type ${goType}`;
  }
  return undefined;
}

/** Throws an error that names the fault in the text. `null` reads as a struct without fields. */
export function parseGo(text: string, struct: GoStruct): Record<string, unknown> {
  const parsed = (JSON.parse(text) as unknown) ?? {};
  if (!isObject(parsed))
    throw new Error(`json: cannot unmarshal ${kindOf(parsed)} into Go value of type ${struct.name}`);
  const object = withGoNames(parsed, struct);
  const problem = goProblem(object, struct);
  if (problem !== undefined) throw new Error(problem);
  return object;
}
