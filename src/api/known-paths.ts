// Which methods a path supports, so that a known path with another method gets a 405 rather than a 404.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ClientProtocol } from '../protocols/protocol.ts';

export interface KnownPath {
  /** For the `allow` header. */
  methods: readonly string[];
  /** The protocol whose error shape is used for this path. */
  clientOf: (request: FastifyRequest) => ClientProtocol | undefined;
}

export interface KnownPaths {
  /** `METHOD /path` of all routes, without preflights, HEAD beside GET, and the routes that only answer 404. */
  offered: ReadonlySet<string>;
  /** Null if no route has this path. */
  find(path: string): KnownPath | null;
  /** The protocol that the path belongs to, if the path alone determines it. */
  clientAt(path: string): ClientProtocol | undefined;
}

/** Prefix of the routes on which operators act as a key. */
export const AS_KEY = '/admin/as/';

interface Route {
  pattern: RegExp;
  methods: readonly string[];
  client: ClientProtocol | undefined;
  clientOf: KnownPath['clientOf'];
}

/** Call before any route is registered: it collects routes by the `onRoute` hook. */
export function listenForPaths(app: FastifyInstance): KnownPaths {
  const routes: Route[] = [];
  const offered = new Set<string>();
  app.addHook('onRoute', ({ url, method, config = {} }) => {
    // The preflight route matches every path and is no method of any of them.
    if (method === 'OPTIONS' || config.isOffered === false) return;
    // The routes of as-key.ts are described at the clients' paths.
    const isLent = url.startsWith(AS_KEY);
    for (const one of [method].flat()) if (one !== 'HEAD' && !isLent) offered.add(`${one} ${url}`);
    // Not an HTTP method.
    if (config.takesWebSockets === true) return;
    const { client, selectClient } = config;
    const clientOf = (request: FastifyRequest) => client ?? selectClient?.(request);
    routes.push({ pattern: patternOf(url), methods: [method].flat(), client, clientOf });
  });
  const matchingRoutes = (path: string) => routes.filter(({ pattern }) => pattern.test(path));
  return {
    offered,
    clientAt: (path) => matchingRoutes(path).find(({ client }) => client !== undefined)?.client,
    find(path) {
      const matching = matchingRoutes(path);
      if (matching.length === 0) return null;
      const methods = [...new Set(matching.flatMap((route) => route.methods))].sort();
      const clientOf: KnownPath['clientOf'] = (request) =>
        matching.map((route) => route.clientOf(request)).find((client) => client !== undefined);
      return { methods, clientOf };
    },
  };
}

/** Matches as find-my-way does, as far as these routes need it; a trailing slash is ignored. */
function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => {
    if (segment === '*') return '.*';
    return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}/?$`);
}
