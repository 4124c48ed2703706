// Admin routes made for the console: live figures, the settings in force, and simulators among the providers.

import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance, FastifyReply } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Provider } from '../../config/catalogue.ts';
import { ConfigurationError, DEFAULT_CONFIG_PATH, loadConfiguration } from '../../config/load.ts';
import { maskedConfiguration } from '../../config/secrets.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { rethrow } from '../admit/dispatch.ts';
import { expectBytes } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import type { LiveEvent } from '../live/live-figures.ts';
import { answerHeadersOf } from '../request-target.ts';

export function registerAdminConsole(admin: FastifyInstance, context: ApiContext): void {
  registerLive(admin, context);
  registerSettings(admin, context);
  registerSimulators(admin, context);
}

/** Unsent bytes at which a page that does not read is disconnected; it reconnects and gets the last hour again. */
const MAX_UNREAD_BYTES = 1024 * 1024;

/**
 * Live figures as server-sent events: first the last hour (`history`), then an update every two seconds (`now`). Costs nothing
 * while nobody is connected.
 */
function registerLive(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/live', async (_request, reply) => {
    const { raw } = reply;
    const write = ({ kind, ...data }: LiveEvent) => {
      if (raw.writableLength > MAX_UNREAD_BYTES) raw.destroy();
      else raw.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`);
    };
    const waiting: LiveEvent[] = [];
    let send = (event: LiveEvent): void => {
      waiting.push(event);
    };
    const leave = await context.live.watch((event) => send(event)).catch(rethrow);
    if (leave === null) {
      const message = 'Too many live views are open on this process. Close some, or use another process.';
      throw new FailureError(createFailure('shutting_down', message, { retryAfterMs: 5_000 }));
    }
    reply.hijack();
    raw.writeHead(200, {
      ...answerHeadersOf(reply),
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    });
    raw.once('close', leave);
    if (raw.destroyed) leave();
    send = write;
    for (const event of waiting) write(event);
    return reply;
  });
}

/** Settings without secrets, and whether the file has changed since they were read. */
function registerSettings(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/settings', async () => {
    const { configuration, environment, instanceId } = context;
    return {
      instance: instanceId,
      node: process.version,
      started_at: new Date(Date.now() - process.uptime() * 1_000).toISOString(),
      file: environment.configPath ?? DEFAULT_CONFIG_PATH,
      configuration: maskedConfiguration(configuration, environment),
      ...compareWithFile(context),
    };
  });
}

/** Reads the file again, to compare it with the settings in force. */
function compareWithFile({ configuration, environment }: ApiContext) {
  try {
    const { configuration: inFile } = loadConfiguration(environment.configPath, environment.variables);
    return { is_file_in_force: isDeepStrictEqual(inFile, configuration), faults: [] };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { is_file_in_force: false, faults: error.faults };
  }
}

const ASK_MS = 1_000;
const KNOWN_MS = 30_000;
const MAX_PROVIDERS = 1_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

type ByName = { Params: { name: string; what: 'faults' | 'behaviour' | 'stats' } };

/**
 * Fault rules and behaviour of simulators, for rehearsing outages. A provider is a simulator if it answers on the control API
 * (docs/simulator.md), which needs no key; only providers with plain http are probed.
 */
function registerSimulators(admin: FastifyInstance, { catalogue }: ApiContext): void {
  const known = new LRUCache<string, { isSimulator: boolean }>({ max: MAX_PROVIDERS, ttl: KNOWN_MS });

  async function isSimulator({ name, baseUrl }: Provider): Promise<boolean> {
    if (!baseUrl.startsWith('http://')) return false;
    const found = known.get(name);
    if (found !== undefined) return found.isSimulator;
    const answer = await control(baseUrl, 'GET', 'faults').catch(() => null);
    const isOne = answer?.status === 200 && Array.isArray(answer.json);
    known.set(name, { isSimulator: isOne });
    return isOne;
  }

  async function expectSimulator(name: string): Promise<Provider> {
    const provider = catalogue.providers.get(name);
    if (provider !== undefined && (await isSimulator(provider))) return provider;
    throw new FailureError(
      createFailure('request_not_found', `'${name}' is not a simulator, or it does not respond.`, { param: 'name' }),
    );
  }

  admin.get('/simulators', async () => {
    const all = [...catalogue.providers.values()];
    const flags = await Promise.all(all.map(isSimulator));
    const models = (provider: Provider) =>
      [...catalogue.deployments.values()].filter((one) => one.provider === provider).map((one) => one.upstreamModel);
    return {
      data: all
        .filter((_, index) => flags[index])
        .map((provider) => ({
          name: provider.name,
          /** Providers with the same address are one simulator; rules tell them apart by model. */
          address: new URL(provider.baseUrl).host,
          models: models(provider),
        })),
    };
  });

  for (const what of ['faults', 'behaviour', 'stats'] as const) {
    const url = `/simulators/:name/${what}`;
    const methods = what === 'stats' ? (['GET'] as const) : (['GET', 'PUT'] as const);
    for (const method of methods) {
      admin.route<ByName>({
        method,
        url,
        handler: async (request, reply) => {
          const provider = await expectSimulator(request.params.name);
          const body = method === 'PUT' ? expectBytes(request.body) : undefined;
          return relay(reply, await control(provider.baseUrl, method, what, body).catch(unreachable));
        },
      });
    }
  }
}

interface ControlAnswer {
  status: number;
  json: unknown;
}

async function control(baseUrl: string, method: string, what: string, body?: Buffer): Promise<ControlAnswer> {
  const answer = await fetch(new URL(`/sim/${what}`, baseUrl), {
    method,
    redirect: 'error',
    signal: AbortSignal.timeout(ASK_MS),
    ...(body === undefined ? {} : { body: new Uint8Array(body), headers: { 'content-type': 'application/json' } }),
  });
  if (Number(answer.headers.get('content-length') ?? 0) > MAX_ANSWER_BYTES)
    throw new RangeError('a response that is too large');
  return { status: answer.status, json: await answer.json() };
}

function unreachable(error: Error): never {
  throw new FailureError(createFailure('upstream_unreachable', `The simulator does not respond (${error.message}).`));
}

function relay(reply: FastifyReply, { status, json }: ControlAnswer): FastifyReply {
  if (status < 400) return reply.send(json);
  const message = (json as { error?: { message?: string } })?.error?.message ?? `refused with ${status}`;
  throw new FailureError(createFailure('request_invalid', message));
}
