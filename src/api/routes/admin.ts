// Administration: keys, budgets and usage. All of it needs the admin key.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type ApiKey, DEFAULT_KEY_SETTINGS, type KeySettings } from '../../accounts/api-key.ts';
import { announceKeyChange, checkKeyName } from '../../accounts/key-store.ts';
import { limitSettings } from '../../config/schema.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { limitSettingsOf, limitsOf } from '../../contracts/limit-kinds.ts';
import { formatCharge, formatUsd, parseCharge } from '../../contracts/money.ts';
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

const keySettings = z.strictObject({
  limits: limitSettings.optional(),
  budget_usd: z.number().nonnegative().nullable().optional(),
  budget_period: z.enum(['total', 'month', 'day']).optional(),
  models: z.array(z.string().min(1)).min(1).nullable().optional(),
  batch_weight: z.number().positive().max(1_000).optional(),
});

const newKey = keySettings.extend({ name: z.string().min(1).max(200) });

const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a day, YYYY-MM-DD');

const usageQuery = z.strictObject({
  group_by: z.string().default('day'),
  from: day.optional(),
  to: day.optional(),
  key: z.string().optional(),
});

export function registerAdmin(app: FastifyInstance, context: ApiContext): void {
  app.register(
    (admin, _options, done) => {
      admin.addHook('onRequest', async (request) => authenticateAdmin(bearerToken(request.headers), context.adminKey));
      const tags = { schema: { tags: ['administration'] } };

      admin.get('/keys', tags, async () => ({ data: (await context.keyStore.list()).map(describeKey) }));

      admin.post('/keys', tags, async (request, reply) => {
        const { name, ...settings } = checkInput(newKey, (await readBody(request.body)).value);
        checkKeyName(name);
        const { key, secret } = await context.keyStore.create(name, {
          ...DEFAULT_KEY_SETTINGS,
          ...readSettings(settings),
        });
        return reply.code(201).send({ ...describeKey(key), key: secret });
      });

      admin.patch<{ Params: { id: string } }>('/keys/:id', tags, async (request) => {
        const settings = readSettings(checkInput(keySettings, (await readBody(request.body)).value));
        const key = await context.keyStore.update(request.params.id, settings);
        await announceKeyChange(context.redis, context.keyspace);
        return describeKey(existing(key, request.params.id));
      });

      admin.delete<{ Params: { id: string } }>('/keys/:id', tags, async (request) => {
        const key = await context.keyStore.revoke(request.params.id);
        await announceKeyChange(context.redis, context.keyspace);
        return describeKey(existing(key, request.params.id));
      });

      admin.get('/usage', tags, async (request) => usage(context, checkInput(usageQuery, request.query)));
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
  const { limits, budgetUnits, budgetPeriod, models, batchWeight } = key.settings;
  return {
    id: key.id,
    name: key.name,
    hint: key.hint,
    limits: limitSettingsOf(limits),
    budget_usd: budgetUnits === null ? null : Number(formatCharge(budgetUnits)),
    budget_period: budgetPeriod,
    models,
    batch_weight: batchWeight,
    created_at: new Date(key.createdAtMs).toISOString(),
    revoked_at: key.revokedAtMs === null ? null : new Date(key.revokedAtMs).toISOString(),
  };
}

function readSettings(settings: z.output<typeof keySettings>): Partial<KeySettings> {
  const { limits, budget_usd: budget, budget_period: budgetPeriod, models, batch_weight: batchWeight } = settings;
  return {
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
    ...(budget === undefined ? {} : { budgetUnits: budget === null ? null : parseCharge(String(budget)) }),
    ...(budgetPeriod === undefined ? {} : { budgetPeriod }),
    ...(models === undefined ? {} : { models }),
    ...(batchWeight === undefined ? {} : { batchWeight }),
  };
}

function existing(key: ApiKey | null, id: string): ApiKey {
  if (key === null) throw new FailureError(createFailure('request_not_found', `There is no key '${id}'.`));
  return key;
}
