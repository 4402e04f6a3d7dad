// Which methods a path has. It learns them from the routes as they are registered, and so tells 404 from 405.
import type { RouteOptions } from 'fastify';

interface AllowedMethods {
  /** Fastify's `onRoute` hook. */
  learn(route: Pick<RouteOptions, 'method' | 'url'>): void;
  /** For the Allow header, for example `GET, HEAD`. */
  of(path: string): string | undefined;
}

interface Pattern {
  readonly regexp: RegExp;
  readonly methods: Set<string>;
}

/**
 * Knows static paths, and paths with parameters as whole segments.
 *
 * @param parameters the patterns of parameters, by name. A path whose segment does not match does not exist; without a pattern
 *   any segment matches.
 */
export function createAllowedMethods(parameters: Readonly<Record<string, RegExp>>): AllowedMethods {
  const methodsOf = new Map<string, Set<string>>();
  const patterns = new Map<string, Pattern>();

  const partOf = (segment: string): string =>
    segment.startsWith(':')
      ? (parameters[segment.slice(1)]?.source.replace(/^\^|\$$/g, '') ?? '[^/]+')
      : segment.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);

  function patternOf(url: string): Pattern {
    let pattern = patterns.get(url);
    if (!pattern) {
      const regexp = new RegExp(`^${url.split('/').map(partOf).join('/')}$`);
      patterns.set(url, (pattern = { regexp, methods: new Set() }));
    }
    return pattern;
  }

  return {
    learn({ method, url }) {
      let methods = url.includes('/:') ? patternOf(url).methods : methodsOf.get(url);
      if (!methods) methodsOf.set(url, (methods = new Set()));
      for (const name of [method].flat()) methods.add(name);
    },
    of(path) {
      const methods = methodsOf.get(path) ?? [...patterns.values()].find(({ regexp }) => regexp.test(path))?.methods;
      return methods && [...methods].sort().join(', ');
    },
  };
}
