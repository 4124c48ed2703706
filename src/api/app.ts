// Builds the API tier as a Fastify app, without listening. Which stage fails with which status: docs/lifecycle.md.
import { createServer, type RequestListener, type Server } from 'node:http';
import cors from '@fastify/cors';
import Fastify, {
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { ApiKey } from '../accounts/api-key.ts';
import { addressMatcher } from '../config/address-ranges.ts';
import { createFailure, type Failure, FailureError } from '../contracts/failure.ts';
import { createSortableId } from '../contracts/ids.ts';
import { openaiChatClient } from '../protocols/openai-chat/protocol.ts';
import type { ClientProtocol } from '../protocols/protocol.ts';
import { CLIENT_ENDPOINTS } from '../protocols/registry.ts';
import { isAdminKey, secretsOf } from './admit/authenticate.ts';
import { registerAsKey } from './as-key.ts';
import type { ApiContext } from './context.ts';
import { type AddressGuard, guardAddresses, limitConnections } from './guard/addresses.ts';
import { atOnce } from './guard/at-once.ts';
import { decompressBodies } from './guard/decompress.ts';
import { acceptExpectations, answerBroken, guardReceiving, receiveBytes } from './guard/receive.ts';
import { listenForPaths } from './known-paths.ts';
import { encodeFailureAnswer } from './relay/failure-answer.ts';
import type { Relay } from './relay/relay.ts';
import { methodNotAllowed, readTarget, routeNotFound } from './request-target.ts';
import { registerAdmin } from './routes/admin.ts';
import { registerAdminSession } from './routes/admin-session.ts';
import { registerAdminSignIn } from './routes/admin-sign-in.ts';
import { registerBatches } from './routes/batches.ts';
import { registerConsole } from './routes/console.ts';
import { registerConversations } from './routes/conversations.ts';
import { registerFiles } from './routes/files.ts';
import { registerMetrics, registerProbes } from './routes/health.ts';
import { registerInference } from './routes/inference.ts';
import { registerMessageBatches } from './routes/message-batches.ts';
import { registerModels } from './routes/models.ts';
import { registerRequests } from './routes/requests.ts';
import { registerResponses } from './routes/responses.ts';
import { registerStoredCompletions } from './routes/stored-completions.ts';
import { isWebSocketUpgrade, registerWebSockets } from './websocket/register-websockets.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** False: not available to pages of other origins (CORS). */
    cors?: boolean;
    /** The protocol whose error shape this route uses. */
    client?: ClientProtocol;
    /** The same, for an address that several protocols share. */
    selectClient?: (request: FastifyRequest) => ClientProtocol;
  }
  interface FastifyInstance {
    /** `METHOD /path` of every route that /openapi.json describes. */
    offeredRoutes: ReadonlySet<string>;
  }
  interface FastifyRequest {
    apiKey: ApiKey | null;
  }
}

/** Longer than the usual idle timeout of load balancers (60 s), so that the balancer is the one to close. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** For the request head; Node answers 408 itself. Bodies have timeouts in their routes (guard/receive.ts), uploads by progress. */
const HEAD_LIMIT_MS = 20_000;

/** The clients' listener. Without a separate admin listener the admin routes are here too, behind the admin key. */
export async function createApp(context: ApiContext, relay: Relay): Promise<FastifyInstance> {
  const { websockets } = context.configuration.server;
  const app = createBareApp(context, { hasWebSockets: websockets !== false });
  context.tracing?.follow(app);
  await allowOrigins(app, context);
  if (websockets !== false) await registerWebSockets(app, context, relay, websockets);
  registerProbes(app, context, 'clients');
  if (!context.hasAdminListener) registerOperations(app, context, relay);
  registerCalls(app, context, relay);
  registerStoredCompletions(app, context);
  registerMessageBatches(app, context);
  registerResponses(app, context, relay);
  registerConversations(app, context);
  return app;
}

/** Routes for clients, and the same routes for operators who act as a key. */
function registerCalls(app: FastifyInstance, context: ApiContext, relay: Relay): void {
  registerModels(app, context);
  registerFiles(app, context);
  registerBatches(app, context);
  registerRequests(app, context, relay);
  for (const endpoint of CLIENT_ENDPOINTS) registerInference(app, context, relay, endpoint);
}

/** The admin listener: administration, metrics, detailed probes. */
export function createAdminApp(context: ApiContext, relay: Relay): FastifyInstance {
  const app = createBareApp(context, { hasWebSockets: false });
  registerProbes(app, context, 'operators');
  registerOperations(app, context, relay);
  return app;
}

function registerOperations(app: FastifyInstance, context: ApiContext, relay: Relay): void {
  registerMetrics(app, context);
  registerAdminSession(app, context);
  registerAdminSignIn(app, context);
  registerAdmin(app, context);
  registerAsKey(app, context, (scope, asKey) => registerCalls(scope, asKey, relay));
  registerConsole(app);
}

interface Listening {
  hasWebSockets: boolean;
}

function createId(): string {
  return `req_${createSortableId()}`;
}

function createBareApp(context: ApiContext, listening: Listening): FastifyInstance {
  const { trusted_proxies: proxies } = context.configuration.server;
  const app = Fastify({
    bodyLimit: context.configuration.server.body_limit_bytes,
    serverFactory: (listener) => createGuardedServer(listener, context, listening),
    trustProxy: proxies.length === 0 ? false : proxies,
    clientErrorHandler: answerBroken((path, failure) => {
      const id = createId();
      const { status, headers, body } = encodeFailureAnswer(paths.clientAt(path) ?? openaiChatClient, failure, id);
      return { status, headers: { 'x-request-id': id, ...headers }, body };
    }),
    frameworkErrors: (error: FastifyError, request: FastifyRequest, reply: FastifyReply) =>
      void sendFailure(request, reply, describeError(context, error)),
    forceCloseConnections: true,
    genReqId: createId,
    routerOptions: { ignoreTrailingSlash: true },
    loggerInstance: context.logger,
    logController: new LogController({ disableRequestLogging: true }),
    // By default every request gets a logger of its own, which nothing here uses.
    childLoggerFactory: (logger) => logger,
  }) as unknown as FastifyInstance;

  // The body of a request to an unknown route is not read: its sender has not authenticated.
  app.addHook('preParsing', (request, reply, payload, done) => {
    if (request.is404) answerUnknown(request, reply);
    else done(null, payload);
  });
  guardReceiving(app, { bodyMs: context.configuration.server.body_ms });
  decompressBodies(app);
  app.decorateRequest('apiKey', null);
  // Bodies are kept as bytes, so that the provider gets what the client wrote.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/(?:[\w.+-]+\+)?json\b/i, receiveBytes);
  const addresses = guardKeys(app, context);
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const failure = describeError(context, error);
    if (failure.code === 'key_invalid') addresses.noteWrongKey(request.ip);
    return sendFailure(request, reply, failure);
  });
  const paths = listenForPaths(app);
  app.decorate('offeredRoutes', paths.offered);
  app.setNotFoundHandler(answerUnknown);

  function answerUnknown(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const known = paths.find(readTarget(request).path);
    if (known === null) return sendFailure(request, reply, routeNotFound(request));
    reply.header('allow', known.methods.join(', '));
    return sendFailure(request, reply, methodNotAllowed(request, known.methods), known.clientOf(request));
  }

  return app;
}

/** Applied to every server of the listener: `localhost` resolves to two addresses. */
function createGuardedServer(
  listener: RequestListener,
  { configuration }: ApiContext,
  { hasWebSockets }: Listening,
): Server {
  const { connections_per_address: connections, trusted_proxies: proxies } = configuration.server;
  const server = createServer(
    {
      headersTimeout: HEAD_LIMIT_MS,
      requestTimeout: 0,
      requireHostHeader: false,
      shouldUpgradeCallback: (request) => hasWebSockets && isWebSocketUpgrade(request),
    },
    listener,
  );
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  limitConnections(server, { connections, isProxy: addressMatcher(proxies) });
  acceptExpectations(server);
  return server;
}

/** CORS, on the clients' listener only. Preflights are answered without a key. */
async function allowOrigins(app: FastifyInstance, { configuration }: ApiContext): Promise<void> {
  const { cors: settings } = configuration.server;
  if (settings === false) return;
  app.addHook('onRoute', (route) => {
    if (OPERATIONS.test(route.url)) route.config = { ...route.config, cors: false };
  });
  const forPages = {
    origin: settings.origins,
    methods: ['GET', 'POST', 'DELETE', 'PATCH'],
    exposedHeaders: EXPOSED_HEADERS,
    maxAge: settings.max_age_seconds,
    // OPTIONS without the headers of a page is a client that asks what it may do, and no SDK reads the plain text of a refusal.
    strictPreflight: false,
  };
  await app.register(cors, {
    // Servers and SDKs send no `Origin`; leaving the headers out saves half a kilobyte per answer.
    delegator: ({ headers, method }, done) =>
      done(null, headers.origin === undefined && method !== 'OPTIONS' ? { origin: false } : forPages),
    hideOptionsRoute: true,
  });
}

/** Admin credentials are never accepted from pages of other origins. */
const OPERATIONS = /^\/(admin|console|metrics)/;

/** Response headers that pages may read beside the CORS-safelisted ones. */
const EXPOSED_HEADERS: string = [
  'x-request-id',
  'request-id',
  'location',
  'retry-after',
  'retry-after-ms',
  'x-should-retry',
  'x-sluice-provider',
  'x-sluice-attempts',
  'x-sluice-queue-ms',
  'x-sluice-dropped',
  'x-sluice-replayed',
  ...['limit', 'remaining', 'reset'].flatMap((what) => [`x-ratelimit-${what}-requests`, `x-ratelimit-${what}-tokens`]),
].join(', ');

/** After too many wrong keys from an address only keys that are already cached are accepted from it. */
function guardKeys(app: FastifyInstance, context: ApiContext): AddressGuard {
  const addresses = guardAddresses({ wrongKeys: context.configuration.server.wrong_keys_per_minute });
  const check = (request: FastifyRequest) => {
    const refusal = addresses.refusal(request.ip);
    if (refusal === null) return;
    const secrets = secretsOf(request);
    // Without a key there is nothing to look up: probes answer, everything else is a 401.
    const isGood = (secret: string) =>
      context.keys.isKnown(secret) || isAdminKey(secret, context.adminKey) || context.adminKeys.isKnown(secret);
    if (secrets.length > 0 && !secrets.some(isGood)) throw new FailureError(refusal);
  };
  app.addHook('onRequest', atOnce(check));
  return addresses;
}

function sendFailure(
  request: FastifyRequest,
  reply: FastifyReply,
  failure: Failure,
  spoken?: ClientProtocol,
): FastifyReply {
  const { client: fixed, selectClient } = request.routeOptions.config ?? {};
  const client = spoken ?? fixed ?? selectClient?.(request) ?? openaiChatClient;
  const { status, headers, body } = encodeFailureAnswer(client, failure, request.id);
  // The connection of a refused client is closed as well.
  if (failure.code === 'key_invalid') reply.header('connection', 'close');
  return reply
    .code(status)
    .headers({ 'x-request-id': request.id, ...headers })
    .send(body);
}

/** Fastify's own errors (fastify.dev/docs/latest/Reference/Errors) as failures; anything unknown is a bug. */
function describeError(context: ApiContext, error: FastifyError): Failure {
  if (error instanceof FailureError) return error.failure;
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE': {
      const limit = context.configuration.server.body_limit_bytes;
      return createFailure('request_too_large', `The request body is too large (limit: ${limit} bytes).`);
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_CONTENT_TYPE':
      return createFailure('content_type_unsupported', "Send the body with 'Content-Type: application/json'.");
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return createFailure('request_malformed', `The request body could not be read: ${error.message}.`);
    default:
      // The client's fault, such as a body that ended early: not logged as an error.
      if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
        return createFailure('request_malformed', `The request could not be read: ${error.message}.`);
      }
      context.logger.error({ err: error }, 'request failed because of a bug');
      return createFailure('internal', 'Internal error in Sluice. The log has details under this request id.');
  }
}
