// Simulators among the providers: their fault rules and behaviour, so that an outage can be rehearsed from the console. A
// provider is one if it answers as one on its control API (docs/simulator.md), which has no key; only plain http is asked, as
// simulators speak it. Registered within /admin, behind its key.
import type { FastifyInstance, FastifyReply } from 'fastify';
import { LRUCache } from 'lru-cache';
import type { Provider } from '../../config/catalogue.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { expectBytes } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';

const ASK_MS = 1_000;
const KNOWN_MS = 30_000;
const MAX_PROVIDERS = 1_000;
const MAX_ANSWER_BYTES = 1024 * 1024;

type ByName = { Params: { name: string; what: 'faults' | 'behaviour' | 'stats' } };

export function registerAdminSimulators(admin: FastifyInstance, { catalogue }: ApiContext): void {
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
      createFailure('request_not_found', `'${name}' is no simulator that answers.`, { param: 'name' }),
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
          /** Providers of one address are one simulator: rules tell them apart by model. */
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
  if (Number(answer.headers.get('content-length') ?? 0) > MAX_ANSWER_BYTES) throw new RangeError('a long answer');
  return { status: answer.status, json: await answer.json() };
}

function unreachable(error: Error): never {
  throw new FailureError(createFailure('upstream_unreachable', `The simulator does not answer (${error.message}).`));
}

function relay(reply: FastifyReply, { status, json }: ControlAnswer): FastifyReply {
  if (status < 400) return reply.send(json);
  const message = (json as { error?: { message?: string } })?.error?.message ?? `refused with ${status}`;
  throw new FailureError(createFailure('request_invalid', message));
}
