// Administration of holds: a provider or a deployment that is not asked until it is released. Registered within /admin,
// behind its key.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { LANES } from '../../contracts/job.ts';
import type { Hold } from '../../routing/holds.ts';
import { ROTATION_REPAIR_MS } from '../../routing/rotation.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import { rethrow } from '../admit/dispatch.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';

const newHold = z.strictObject({
  provider: z.string().min(1).optional(),
  deployment: z.string().min(1).optional(),
  reason: z.string().min(1).max(500).default('held by an operator'),
});

/** Deployments have slashes in their names: the rest of the path is the name. */
type ByName = { Params: { '*': string } };

export function registerAdminHolds(admin: FastifyInstance, context: ApiContext): void {
  const tags = { schema: { tags: ['operations'] } };

  admin.get('/holds', tags, async () => {
    await context.holds.refresh().catch(rethrow);
    return { data: context.holds.all().map(describeHold) };
  });

  admin.post('/holds', tags, async (request, reply) => {
    const { provider, deployment, reason } = checkInput(newHold, (await readBody(request.body)).value);
    if ((provider === undefined) === (deployment === undefined)) {
      throw invalidValue('provider', 'give one of provider and deployment');
    }
    const name = provider === undefined ? `deployment:${deployment}` : `provider:${provider}`;
    expectKnown(context, name);
    const hold = await context.holds.hold(name, reason).catch(rethrow);
    context.logger.warn({ hold: name, reason }, 'held');
    return reply.code(201).send(describeHold(hold));
  });

  admin.delete<ByName>('/holds/*', tags, async ({ params }) => {
    const name = fullName(context, params['*']);
    if (!(await context.holds.release(name).catch(rethrow))) {
      throw new FailureError(createFailure('request_not_found', `'${params['*']}' is not held.`));
    }
    context.logger.warn({ hold: name }, 'released');
    // In the background: it takes a second per hundred thousand requests, and nothing is lost without it.
    bringBack(context, name).catch((error: Error) => context.logger.warn({ err: error }, 'release'));
    return { name, released: true };
  });
}

/** When every worker has heard of the release; and once more, for those of a worker that had to read it. */
const BRING_BACK_AFTER_MS = [200, ROTATION_REPAIR_MS];

/** Requests that waited for the release have gone away for up to half a minute: they need not. */
async function bringBack({ catalogue, producer }: ApiContext, name: string): Promise<void> {
  const provider = providerOf(catalogue, name);
  if (provider === undefined) return;
  for (const waitMs of BRING_BACK_AFTER_MS) {
    await new Promise((resolve) => setTimeout(resolve, waitMs).unref());
    for (const lane of LANES) await producer.promoteAll(provider, lane);
  }
}

function providerOf({ deployments }: ApiContext['catalogue'], name: string): string | undefined {
  const [kind, rest] = split(name);
  return kind === 'provider' ? rest : deployments.get(rest)?.provider.name;
}

/** What is held stays releasable, also when it is not configured any more. */
function fullName({ holds, catalogue }: ApiContext, name: string): string {
  if (/^(provider|deployment):/.test(name)) return name;
  const asProvider = `provider:${name}`;
  const isHeld = holds.all().some((hold) => hold.name === asProvider);
  return isHeld || catalogue.providers.has(name) ? asProvider : `deployment:${name}`;
}

function expectKnown({ catalogue }: ApiContext, name: string): void {
  const [kind, rest] = split(name);
  const known = kind === 'provider' ? catalogue.providers : catalogue.deployments;
  if (!known.has(rest)) throw invalidValue(kind, `'${rest}' is not configured; known: ${[...known.keys()].join(', ')}`);
}

function split(name: string): [kind: string, rest: string] {
  const colon = name.indexOf(':');
  return [name.slice(0, colon), name.slice(colon + 1)];
}

function describeHold({ name, reason, sinceMs }: Hold) {
  const [kind, rest] = split(name);
  return { name, [kind]: rest, reason, since: new Date(sinceMs).toISOString() };
}
