// Which methods a path has, learnt from the routes as they are registered: the difference between 404 and 405.
import type { RouteOptions } from 'fastify';

interface AllowedMethods {
  /** Fastify's `onRoute` hook. */
  learn(route: Pick<RouteOptions, 'method' | 'url'>): void;
  /** For the Allow header, for example `GET, HEAD`. */
  of(path: string): string | undefined;
}

/**
 * Knows static paths and paths whose last segment is a parameter.
 *
 * @param parameter what such a segment looks like; with anything else there is nothing at the path
 */
export function createAllowedMethods(parameter: RegExp): AllowedMethods {
  const methodsOf = new Map<string, Set<string>>();
  const parentsOfParameters = new Map<string, string>();
  return {
    learn({ method, url }) {
      const methods = methodsOf.get(url) ?? new Set();
      methodsOf.set(url, methods);
      for (const name of [method].flat()) methods.add(name);
      const parent = /^(.*\/):[^/]+$/.exec(url)?.[1];
      if (parent !== undefined) parentsOfParameters.set(parent, url);
    },
    of(path) {
      const at = path.lastIndexOf('/') + 1;
      const pattern = parameter.test(path.slice(at)) ? parentsOfParameters.get(path.slice(0, at)) : undefined;
      const methods = methodsOf.get(path) ?? methodsOf.get(pattern ?? '');
      return methods && [...methods].sort().join(', ');
    },
  };
}
