// Admin routes of webhooks: receivers and deliveries.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import {
  addressRulesOf,
  DEFAULT_WEBHOOK_EVENTS,
  webhookEvents,
  webhookSecret,
  webhookUrl,
} from '../../config/webhook-schema.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { createAddressGuard } from '../../webhooks/address-guard.ts';
import { createDeliveryStore, type WebhookDelivery } from '../../webhooks/delivery-store.ts';
import { createEndpointStore, type WebhookEndpoint } from '../../webhooks/endpoint-store.ts';
import { PLAIN_SECRETS } from '../../webhooks/secret-box.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';

const MAX_DELIVERIES = 1_000;

export const newEndpoint = z.strictObject({
  url: webhookUrl,
  events: webhookEvents.default([...DEFAULT_WEBHOOK_EVENTS]),
  key_id: z.string().min(1).nullable().default(null),
  secret: webhookSecret.optional(),
});

export const deliveryQuery = z.strictObject({
  state: z.enum(['pending', 'delivered', 'failed']).optional(),
  endpoint: z.string().optional(),
  limit: z.coerce.number().int().positive().max(MAX_DELIVERIES).default(100),
});

type ById = { Params: { id: string } };

export function registerAdminWebhooks(admin: FastifyInstance, context: ApiContext): void {
  const endpoints = createEndpointStore(context.database, context.secretBox);
  const deliveries = createDeliveryStore(context.database);
  const guard = createAddressGuard(addressRulesOf(context.configuration.webhooks));

  admin.get('/webhooks', async () => ({ data: (await endpoints.list()).map(describeEndpoint) }));

  admin.post('/webhooks', async (request, reply) => {
    const { key_id: keyId, ...wanted } = checkInput(newEndpoint, (await readBody(request.body)).value);
    checkAddress(guard, wanted.url);
    if (keyId !== null) await expectKey(context, keyId);
    const { endpoint, secret } = await endpoints.create({ ...wanted, keyId });
    if (!context.secretBox.isSealing) context.logger.warn({ endpoint: endpoint.id }, PLAIN_SECRETS);
    return reply.code(201).send({ ...describeEndpoint(endpoint), secret });
  });

  admin.delete<ById>('/webhooks/:id', async ({ params: { id } }) => {
    const endpoint = existing(await endpoints.find(id), `webhook endpoint '${id}'`);
    if (endpoint.origin === 'config') throw invalidValue('id', 'it is set in the configuration; remove it there');
    await endpoints.remove(id);
    return { id, deleted: true };
  });

  admin.post<ById>('/webhooks/:id/enable', async ({ params: { id } }) =>
    describeEndpoint(existing(await endpoints.enable(id), `webhook endpoint '${id}'`)),
  );

  admin.get('/webhooks/deliveries', async (request) => {
    const { state, endpoint, limit } = checkInput(deliveryQuery, request.query);
    return { data: (await deliveries.list({ state, endpointId: endpoint, limit })).map(describeDelivery) };
  });

  admin.post<ById>('/webhooks/deliveries/:id/replay', async ({ params: { id } }) =>
    describeDelivery(existing(await deliveries.replay(id), `webhook delivery '${id}'`)),
  );
}

function checkAddress(guard: ReturnType<typeof createAddressGuard>, url: string): void {
  try {
    guard.checkUrl(url);
  } catch (error) {
    throw invalidValue('url', (error as Error).message);
  }
}

async function expectKey(context: ApiContext, id: string): Promise<void> {
  const known = await context.keyStore.list();
  if (!known.some((key) => key.id === id)) throw invalidValue('key_id', `there is no key '${id}'`);
}

function existing<T>(found: T | null, what: string): T {
  if (found === null) throw new FailureError(createFailure('request_not_found', `There is no ${what}.`));
  return found;
}

/** Without the secret, which is shown only once. */
function describeEndpoint(endpoint: WebhookEndpoint) {
  return {
    id: endpoint.id,
    origin: endpoint.origin,
    url: endpoint.url,
    events: endpoint.events,
    key_id: endpoint.keyId,
    created_at: isoTime(endpoint.createdAtMs),
    disabled_at: isoTime(endpoint.disabledAtMs),
    disabled_reason: endpoint.disabledReason,
  };
}

function describeDelivery(delivery: WebhookDelivery) {
  const { state } = delivery;
  return {
    id: delivery.id,
    endpoint_id: delivery.endpointId,
    /** Equals the `webhook-id` header that the receiver got. */
    event_id: delivery.eventId,
    type: delivery.eventType,
    state,
    attempts: delivery.attempts,
    next_attempt_at: state === 'pending' ? isoTime(delivery.nextAttemptAtMs) : null,
    created_at: isoTime(delivery.createdAtMs),
    finished_at: isoTime(delivery.finishedAtMs),
    last_status: delivery.lastStatus,
    last_error: delivery.lastError,
  };
}

function isoTime(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}
