// GET /openapi.json and GET /docs: the OpenAPI 3.1 document, made from the same zod schemas that check and write, and a
// page that shows it from files of this process only. Relies on @fastify/swagger and @fastify/swagger-ui.
import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyInstance, FastifySchema, onRequestHookHandler, RouteOptions } from 'fastify';
import { jsonSchemaTransform } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { errorTable, type ErrorCode } from '../problems/errors.ts';
import { errorsPage, errorsPagePolicy, errorsPath } from './errors-page.ts';
import { keyHeader, keyMessage, keyPattern } from '../once/idempotency-key.ts';
import { problemBody, problemResponses } from './schemas.ts';
import { streamPath } from './stream.ts';

const description = [
  'Post a job or a batch of jobs, learn whether each is stored, read the result.',
  'Every error is `application/problem+json`. Its `code` is one of:',
  ['| code | status | meaning |', '| --- | --- | --- |']
    .concat(Object.entries(errorTable).map(([code, row]) => `| \`${code}\` | ${row.status} | ${row.title} |`))
    .join('\n'),
].join('\n\n');

// The code of the page needs inline styles. The plugin adds the hashes of its inline scripts.
const contentSecurityPolicy = {
  'default-src': ["'self'"],
  'img-src': ["'self'", 'data:'],
  'style-src': ["'self'", "'unsafe-inline'"],
  'object-src': ["'none'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
};

/** Described here, because a schema in the routes would be checked for every request. */
const keyHeaders = z.object({
  [keyHeader]: z
    .string()
    .regex(keyPattern)
    .optional()
    .meta({ description: `Sent again with the same body, the job is made once; ${keyMessage}` }),
});

interface ApiDocumentOptions {
  version: string;
  /** The hooks that require a key, where keys are set. The document marks the routes that have such a hook. */
  keyHooks: readonly onRequestHookHandler[];
  /** Whether a request for another name is refused. */
  checksHosts: boolean;
}

/** Makes the document. It knows the routes that are registered after it. */
export function registerApiDocument(
  app: FastifyInstance,
  { version, keyHooks, checksHosts }: ApiDocumentOptions,
): void {
  /** Adds the responses of hooks, which the schemas of routes lack. */
  function describeHooks(schema: FastifySchema, { onRequest, method, url }: RouteOptions): FastifySchema {
    if (schema.hide === true) return schema;
    const takesKey = method === 'POST' && url.startsWith('/jobs') && url !== streamPath;
    const needsKey = [onRequest].flat().some((hook) => keyHooks.includes(hook as onRequestHookHandler));
    const codes: ErrorCode[] = [];
    if (needsKey) codes.push('unauthorized');
    if (checksHosts) codes.push('misdirected_request');
    const response = { ...(schema.response as object), ...problemResponses(codes) };
    return {
      ...schema,
      response,
      ...(needsKey && { security: [{ key: [] }] }),
      ...(takesKey && { headers: keyHeaders }),
    };
  }

  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Work Factory', description, version },
      components: {
        schemas: { Problem: z.toJSONSchema(problemBody) as object },
        ...(keyHooks.length > 0 && { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } }),
      },
    },
    transform: (route) => jsonSchemaTransform({ ...route, schema: describeHooks(route.schema, route.route) }),
  });
}

/**
 * Where to redirect a request whose URL would make the links of the page wrong. They are relative, because a proxy may serve the
 * page below a path that it removes. The plugin itself compares the end of the URL, query included.
 */
function locationOfPage(url: string): string | undefined {
  const path = url.split('?', 1)[0] as string;
  if (path.endsWith('/docs')) return 'docs/';
  if (path.endsWith('/static/index.html')) return '../';
  return path.endsWith('/') && path !== url ? './' : undefined;
}

const leadToPage: onRequestHookHandler = (request, reply, done) => {
  const location = locationOfPage(request.url);
  if (location === undefined) return done();
  reply.redirect(location);
};

/** Replaces the console where it is off. */
export const leadToDocument = (app: FastifyInstance): void =>
  void app.get('/', { schema: { hide: true } }, (_request, reply) => reply.redirect('docs/'));

/** Registers the routes that show the document. */
export function registerDocumentRoutes(app: FastifyInstance): void {
  const hidden = { schema: { hide: true } };
  app.get('/openapi.json', hidden, () => app.swagger());
  app.get(errorsPath, hidden, (_request, reply) =>
    reply.header('content-security-policy', errorsPagePolicy).type('text/html; charset=utf-8').send(errorsPage),
  );
  app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: contentSecurityPolicy,
    uiHooks: { onRequest: leadToPage },
    // Requests that are tried out on the page go to the page's own origin. The page reads its document from a path below /docs.
    transformSpecification: (document) => ({ ...document, servers: [{ url: '../' }] }),
    transformSpecificationClone: false,
  });
}
