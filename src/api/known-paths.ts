// Which methods an address takes: so that a known path with another method is told so, and not that it does not exist.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ClientProtocol } from '../protocols/protocol.ts';

export interface KnownPath {
  /** For the `allow` header. */
  methods: readonly string[];
  /** In whose error shape its clients are answered. */
  clientOf: (request: FastifyRequest) => ClientProtocol | undefined;
}

export interface KnownPaths {
  /** `METHOD /path` of all but preflights, the answers to HEAD beside those to GET, and what only says that there is nothing. */
  offered: ReadonlySet<string>;
  /** Null for a path that no route has. */
  find(path: string): KnownPath | null;
  /** Whose clients use it, where the path alone tells. */
  clientAt(path: string): ClientProtocol | undefined;
}

/** Beginning of the addresses at which operators ask in a key's place. */
export const AS_KEY = '/admin/as/';

interface Route {
  pattern: RegExp;
  methods: readonly string[];
  client: ClientProtocol | undefined;
  clientOf: KnownPath['clientOf'];
}

/** Call before any route is registered: it listens to what the app is given. */
export function listenForPaths(app: FastifyInstance): KnownPaths {
  const routes: Route[] = [];
  const offered = new Set<string>();
  app.addHook('onRoute', ({ url, method, config = {} }) => {
    // Preflights: of every path, and no method of any.
    if (method === 'OPTIONS' || config.isOffered === false) return;
    // What operators ask in a key's place (as-key.ts) is described where clients find it.
    const isLent = url.startsWith(AS_KEY);
    for (const one of [method].flat()) if (one !== 'HEAD' && !isLent) offered.add(`${one} ${url}`);
    // No method of HTTP's.
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

/** As find-my-way reads an address, as far as the routes here need it; a slash at the end does not matter. */
function patternOf(url: string): RegExp {
  const segments = url.split('/').map((segment) => {
    if (segment === '*') return '.*';
    return segment.startsWith(':') ? '[^/]+' : segment.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  });
  return new RegExp(`^${segments.join('/')}/?$`);
}
