// Admin routes of holds: a provider, deployment or credential that is not used until it is released.
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

export const newHold = z.strictObject({
  provider: z.string().min(1).optional(),
  deployment: z.string().min(1).optional(),
  credential: z.string().min(1).optional(),
  reason: z.string().min(1).max(500).default('held by an operator'),
});

/** Deployment names contain slashes: the rest of the path is the name. */
type ByName = { Params: { '*': string } };

export function registerAdminHolds(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/holds', async () => {
    await context.holds.refresh().catch(rethrow);
    return { data: context.holds.all().map(describeHold) };
  });

  admin.post('/holds', async (request, reply) => {
    const { reason, ...wanted } = checkInput(newHold, (await readBody(request.body)).value);
    const names = Object.entries(wanted).map(([kind, rest]) => `${kind}:${rest}`);
    const name = names[0];
    if (name === undefined || names.length > 1) {
      throw invalidValue('provider', 'exactly one of provider, deployment and credential is required');
    }
    expectKnown(context, name);
    const hold = await context.holds.hold(name, reason).catch(rethrow);
    context.logger.warn({ hold: name, reason }, 'held');
    return reply.code(201).send(describeHold(hold));
  });

  admin.delete<ByName>('/holds/*', async ({ params }) => {
    const name = fullName(context, params['*']);
    if (!(await context.holds.release(name).catch(rethrow))) {
      throw new FailureError(createFailure('request_not_found', `'${params['*']}' is not on hold.`));
    }
    context.logger.warn({ hold: name }, 'released');
    // In the background: it takes a second per hundred thousand requests, and only speeds things up.
    bringBack(context, name).catch((error: Error) => context.logger.warn({ err: error }, 'release'));
    return { name, released: true };
  });
}

/** Once every worker has been notified of the release, and again for workers that missed the notice and polled. */
const BRING_BACK_AFTER_MS = [200, ROTATION_REPAIR_MS];

/** Requests that waited for the release are delayed by up to half a minute: promotes them. */
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
  if (kind === 'credential') return rest.slice(0, rest.indexOf('/'));
  return kind === 'provider' ? rest : deployments.get(rest)?.provider.name;
}

/** Holds can be released even if their target is no longer configured. */
function fullName({ holds, catalogue }: ApiContext, name: string): string {
  if (/^(provider|deployment|credential):/.test(name)) return name;
  const asProvider = `provider:${name}`;
  const isHeld = holds.all().some((hold) => hold.name === asProvider);
  return isHeld || catalogue.providers.has(name) ? asProvider : `deployment:${name}`;
}

function expectKnown({ catalogue }: ApiContext, name: string): void {
  const [kind, rest] = split(name);
  const known = knownNames(catalogue, kind);
  if (!known.includes(rest)) throw invalidValue(kind, `'${rest}' is not configured; known: ${known.join(', ')}`);
}

function knownNames({ providers, deployments }: ApiContext['catalogue'], kind: string): string[] {
  if (kind === 'provider') return [...providers.keys()];
  if (kind === 'deployment') return [...deployments.keys()];
  return [...providers.values()].flatMap(({ name, credentials }) => credentials.map((own) => `${name}/${own.name}`));
}

function split(name: string): [kind: string, rest: string] {
  const colon = name.indexOf(':');
  return [name.slice(0, colon), name.slice(colon + 1)];
}

function describeHold({ name, reason, sinceMs }: Hold) {
  const [kind, rest] = split(name);
  return { name, [kind]: rest, reason, since: new Date(sinceMs).toISOString() };
}
