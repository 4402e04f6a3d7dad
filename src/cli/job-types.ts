// The job types that a service takes, read from its API document.
import type { Service } from './service.ts';

export interface JsonSchema {
  readonly type?: string | readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly required?: readonly string[];
}

interface ApiDocument {
  readonly paths?: Readonly<
    Record<string, { post?: { requestBody?: { content?: Record<string, { schema?: JsonSchema }> } } }>
  >;
}

export interface ListedType {
  readonly name: string;
  /** The JSON schema of its arguments. */
  readonly schema: JsonSchema;
}

/** Routes below /jobs that are no job types. */
const reserved: ReadonlySet<string> = new Set(['batch', 'stream']);

export async function listTypes({ send }: Pick<Service, 'send'>): Promise<ListedType[]> {
  const { paths = {} }: ApiDocument = (await send('GET', '/openapi.json')).body;
  return Object.entries(paths).flatMap(([path, { post }]) => {
    const name = /^\/jobs\/([a-z][a-z0-9_]*)$/.exec(path)?.[1];
    if (name === undefined || reserved.has(name) || post === undefined) return [];
    return [{ name, schema: post.requestBody?.content?.['application/json']?.schema ?? {} }];
  });
}
