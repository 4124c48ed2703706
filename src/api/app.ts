// The API tier as a Fastify app that listens nowhere yet. Failing stages and their statuses: docs/lifecycle.md.
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
import { decompressBodies } from './guard/decompress.ts';
import { acceptExpectations, answerBroken, guardReceiving } from './guard/receive.ts';
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
    /** False: not for pages of other origins. */
    cors?: boolean;
    /** Whose error shape this route speaks. */
    client?: ClientProtocol;
    /** The same, where several protocols have one address. */
    selectClient?: (request: FastifyRequest) => ClientProtocol;
  }
  interface FastifyInstance {
    /** `METHOD /path` of every route that has something to offer: what /openapi.json describes. */
    offeredRoutes: ReadonlySet<string>;
  }
  interface FastifyRequest {
    apiKey: ApiKey | null;
  }
}

/** Longer than any load balancer's idle timeout in common use (60 s): it must be the one to close. */
const KEEP_ALIVE_TIMEOUT_MS = 75_000;

/** For a head; Node answers 408 by itself. Bodies are timed by their routes (guard/receive.ts), uploads by their progress. */
const HEAD_LIMIT_MS = 20_000;

/** What clients reach. Where operators have no listener of their own, theirs is here too, behind the admin key. */
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

/** What clients ask, and what operators may ask in a key's place. */
function registerCalls(app: FastifyInstance, context: ApiContext, relay: Relay): void {
  registerModels(app, context);
  registerFiles(app, context);
  registerBatches(app, context);
  registerRequests(app, context, relay);
  for (const endpoint of CLIENT_ENDPOINTS) registerInference(app, context, relay, endpoint);
}

/** What operators reach, on a listener of its own: administration, metrics, probes with their details. */
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
  }) as unknown as FastifyInstance;

  // The body of a request that nobody takes is not read: its sender has shown no key.
  app.addHook('preParsing', async (request, reply, payload) => {
    if (request.is404) answerUnknown(request, reply);
    return payload;
  });
  guardReceiving(app, { bodyMs: context.configuration.server.body_ms });
  decompressBodies(app);
  app.decorateRequest('apiKey', null);
  // Bodies stay bytes: what reaches the provider is what the client wrote.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser(/^application\/(?:[\w.+-]+\+)?json\b/i, { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
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

/** For every address it listens on: `localhost` has two. */
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
      shouldUpgradeCallback: (request) => hasWebSockets && isWebSocketUpgrade(request),
    },
    listener,
  );
  server.keepAliveTimeout = KEEP_ALIVE_TIMEOUT_MS;
  limitConnections(server, { connections, isProxy: addressMatcher(proxies) });
  acceptExpectations(server);
  return server;
}

/** Pages of other origins, on the clients' listener only. Preflights are answered before any key is looked at. */
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
  };
  await app.register(cors, {
    // Servers and SDKs name no origin, and their answers need half a kilobyte of headers less.
    delegator: ({ headers, method }, done) =>
      done(null, headers.origin === undefined && method !== 'OPTIONS' ? { origin: false } : forPages),
    hideOptionsRoute: true,
  });
}

/** Operators have no business in other people's pages. */
const OPERATIONS = /^\/(admin|console|metrics)/;

/** What pages may read beside the headers that every browser shows. */
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

/** An address that has shown many wrong keys has only known ones looked at, before anything else is done for it. */
function guardKeys(app: FastifyInstance, context: ApiContext): AddressGuard {
  const addresses = guardAddresses({ wrongKeys: context.configuration.server.wrong_keys_per_minute });
  app.addHook('onRequest', async (request) => {
    const refusal = addresses.refusal(request.ip);
    if (refusal === null) return;
    const secrets = secretsOf(request);
    // Without any there is nothing to look up: probes answer, all else is a 401.
    const isGood = (secret: string) =>
      context.keys.isKnown(secret) || isAdminKey(secret, context.adminKey) || context.adminKeys.isKnown(secret);
    if (secrets.length > 0 && !secrets.some(isGood)) throw new FailureError(refusal);
  });
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
  // Who has no key has no connection to wait on either.
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
      return createFailure('request_too_large', `The request body is larger than this Sluice takes (${limit} bytes).`);
    }
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
    case 'FST_ERR_CTP_INVALID_CONTENT_TYPE':
      return createFailure('content_type_unsupported', "Send the body with 'Content-Type: application/json'.");
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
      return createFailure('request_malformed', `The request body could not be read: ${error.message}.`);
    default:
      // Its own fault, such as a body that was broken off: nothing to look into.
      if (error.statusCode !== undefined && error.statusCode >= 400 && error.statusCode < 500) {
        return createFailure('request_malformed', `The request could not be read: ${error.message}.`);
      }
      context.logger.error({ err: error }, 'request failed by a bug');
      return createFailure('internal', 'Something went wrong inside Sluice. The log has it under this request id.');
  }
}
