// Administration: keys, budgets and usage. All of it needs the admin key.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type ApiKey, DEFAULT_KEY_SETTINGS } from '../../accounts/api-key.ts';
import { announceKeyChange, checkKeyName } from '../../accounts/key-store.ts';
import { describeSettings, readSettingsForm, settingsForm } from '../../accounts/settings-form.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { formatUsd } from '../../contracts/money.ts';
import { REPORT_DIMENSIONS, type ReportDimension, reportUsage } from '../../ledger/reports.ts';
import { authenticateAdmin, bearerToken } from '../admit/authenticate.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import { registerAdminDeadLetters } from './admin-dead-letters.ts';
import { registerAdminHolds } from './admin-holds.ts';
import { registerAdminLedger } from './admin-ledger.ts';
import { registerAdminLimits } from './admin-limits.ts';
import { registerAdminWebhooks } from './admin-webhooks.ts';

export const newKey = settingsForm.extend({ name: z.string().min(1).max(200) });

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day, YYYY-MM-DD');

export const usageQuery = z.strictObject({
  group_by: z.string().default('day'),
  from: day.optional(),
  to: day.optional(),
  key: z.string().optional(),
});

export function registerAdmin(app: FastifyInstance, context: ApiContext): void {
  app.register(
    (admin, _options, done) => {
      admin.addHook('onRequest', async (request) => authenticateAdmin(bearerToken(request.headers), context.adminKey));

      admin.get('/keys', async () => ({ data: (await context.keyStore.list()).map(describeKey) }));

      admin.post('/keys', async (request, reply) => {
        const { name, ...settings } = checkInput(newKey, (await readBody(request.body)).value);
        checkKeyName(name);
        const { key, secret } = await context.keyStore.create(name, {
          ...DEFAULT_KEY_SETTINGS,
          ...readSettingsForm(settings, DEFAULT_KEY_SETTINGS),
        });
        return reply.code(201).send({ ...describeKey(key), key: secret });
      });

      admin.patch<{ Params: { id: string } }>('/keys/:id', async (request) => {
        const form = checkInput(settingsForm, (await readBody(request.body)).value);
        const { id } = request.params;
        const { settings } = existing(await context.keyStore.findById(id), id);
        const key = await context.keyStore.update(id, readSettingsForm(form, settings));
        await announceKeyChange(context.redis, context.keyspace);
        return describeKey(existing(key, id));
      });

      admin.delete<{ Params: { id: string } }>('/keys/:id', async (request) => {
        const key = await context.keyStore.revoke(request.params.id);
        await announceKeyChange(context.redis, context.keyspace);
        return describeKey(existing(key, request.params.id));
      });

      admin.get('/usage', async (request) => usage(context, checkInput(usageQuery, request.query)));
      registerAdminHolds(admin, context);
      registerAdminLimits(admin, context);
      registerAdminDeadLetters(admin, context);
      registerAdminLedger(admin, context);
      registerAdminWebhooks(admin, context);
      done();
    },
    { prefix: '/admin' },
  );
}

async function usage(context: ApiContext, query: z.output<typeof usageQuery>) {
  const groupBy = query.group_by.split(',').map((name) => name.trim());
  const unknown = groupBy.find((name) => !REPORT_DIMENSIONS.includes(name as ReportDimension));
  if (unknown !== undefined) {
    throw invalidValue('group_by', `'${unknown}' is none of ${REPORT_DIMENSIONS.join(', ')}`);
  }
  const rows = await reportUsage(context.database, {
    groupBy: groupBy as ReportDimension[],
    ...(query.from === undefined ? {} : { from: query.from }),
    ...(query.to === undefined ? {} : { to: query.to }),
    ...(query.key === undefined ? {} : { keyId: query.key }),
  });
  return {
    data: rows.map(({ group, costPicoUsd, ...counts }) => ({
      ...group,
      attempts: counts.attempts,
      failed_attempts: counts.failedAttempts,
      estimated_attempts: counts.estimatedAttempts,
      unsettled_attempts: counts.unsettledAttempts,
      input_tokens: counts.inputTokens,
      cached_input_tokens: counts.cachedInputTokens,
      output_tokens: counts.outputTokens,
      reasoning_tokens: counts.reasoningTokens,
      cost_usd: formatUsd(costPicoUsd),
    })),
  };
}

function describeKey(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    hint: key.hint,
    ...describeSettings(key.settings),
    created_at: new Date(key.createdAtMs).toISOString(),
    revoked_at: key.revokedAtMs === null ? null : new Date(key.revokedAtMs).toISOString(),
  };
}

function existing(key: ApiKey | null, id: string): ApiKey {
  if (key === null) throw new FailureError(createFailure('request_not_found', `There is no key '${id}'.`));
  return key;
}
