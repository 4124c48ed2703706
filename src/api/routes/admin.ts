// The admin API: client keys, and the registration of all other admin routes under /admin, behind the admin key.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createAccountStore } from '../../accounts/account-store.ts';
import { type ApiKey, DEFAULT_KEY_SETTINGS } from '../../accounts/api-key.ts';
import { announceKeyChange, checkKeyName } from '../../accounts/key-store.ts';
import { changeForm, describeSettings, readSettingsForm, settingsForm } from '../../accounts/settings-form.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import { readBody, readOptionalBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import { guardAdministration } from '../guard/admin-audit.ts';
import { registerAdminAccounts, spendingOf } from './admin-accounts.ts';
import { registerAdminBatches } from './admin-batches.ts';
import { registerAdminBudgets } from './admin-budgets.ts';
import { registerAdminConsole } from './admin-console.ts';
import { registerAdminDeadLetters } from './admin-dead-letters.ts';
import { registerAdminHolds } from './admin-holds.ts';
import { registerAdminLedger } from './admin-ledger.ts';
import { registerAdminMoney } from './admin-money.ts';
import { registerAdminOperators } from './admin-operators.ts';
import { registerAdminProviders } from './admin-providers.ts';
import { registerAdminRequests } from './admin-requests.ts';
import { registerAdminUsage } from './admin-usage.ts';
import { registerAdminWebhooks } from './admin-webhooks.ts';

export const newKey = settingsForm.extend({
  name: z.string().min(1).max(200),
  project: z.string().min(1).optional().describe('Id of the project that the key belongs to.'),
});

const LONGEST_KEPT_S = 30 * 86_400;
export const keyRotation = z.strictObject({
  keep_former_seconds: z
    .number()
    .int()
    .min(0)
    .max(LONGEST_KEPT_S)
    .default(86_400)
    .describe('How long the former secret stays valid.'),
});

export function registerAdmin(app: FastifyInstance, context: ApiContext): void {
  app.register(
    (admin, _options, done) => {
      guardAdministration(admin, context);

      admin.get('/keys', async () => ({ data: (await context.keyStore.list()).map(describeKey) }));

      admin.post('/keys', async (request, reply) => {
        const { name, project, ...settings } = checkInput(newKey, (await readBody(request.body)).value);
        checkKeyName(name);
        if (project !== undefined && (await createAccountStore(context.database).find(project))?.kind !== 'project') {
          throw invalidValue('project', `there is no project '${project}'`);
        }
        const { key, secret } = await context.keyStore.create(
          name,
          readSettingsForm(settings, DEFAULT_KEY_SETTINGS),
          project ?? null,
        );
        return reply.code(201).send({ ...describeKey(key), key: secret });
      });

      admin.get<{ Params: { id: string } }>('/keys/:id', async ({ params: { id } }) => {
        const key = existing(await context.keyStore.findById(id), id);
        return { ...describeKey(key), spent_usd: await spendingOf(context, { id, kind: 'key' }) };
      });

      admin.post<{ Params: { id: string } }>('/keys/:id/rotate', async (request) => {
        const { keep_former_seconds: seconds } = checkInput(keyRotation, await readOptionalBody(request.body));
        const { id } = request.params;
        const rotated = await context.keyStore.rotate(id, seconds * 1_000);
        await announceKeyChange(context.redis, context.keyspace);
        return { ...describeKey(existing(rotated?.key ?? null, id)), key: rotated!.secret };
      });

      admin.patch<{ Params: { id: string } }>('/keys/:id', async (request) => {
        const { name, ...form } = checkInput(changeForm, (await readBody(request.body)).value);
        const { id } = request.params;
        const current = existing(await context.keyStore.findById(id), id);
        if (name !== undefined && name !== current.name) [name, current.name].forEach(checkKeyName);
        const key = await context.keyStore.update(id, readSettingsForm(form, current.settings), name);
        await announceKeyChange(context.redis, context.keyspace);
        return describeKey(existing(key, id));
      });

      admin.delete<{ Params: { id: string } }>('/keys/:id', async (request) => {
        const key = await context.keyStore.revoke(request.params.id);
        await announceKeyChange(context.redis, context.keyspace);
        return describeKey(existing(key, request.params.id));
      });

      registerAdminAccounts(admin, context);
      registerAdminOperators(admin, context);
      registerAdminHolds(admin, context);
      registerAdminDeadLetters(admin, context);
      registerAdminLedger(admin, context);
      registerAdminWebhooks(admin, context);
      registerAdminRequests(admin, context);
      registerAdminProviders(admin, context);
      registerAdminUsage(admin, context);
      registerAdminMoney(admin, context);
      registerAdminBatches(admin, context);
      registerAdminBudgets(admin, context);
      registerAdminConsole(admin, context);
      done();
    },
    { prefix: '/admin' },
  );
}

function describeKey(key: ApiKey) {
  return {
    id: key.id,
    name: key.name,
    hint: key.hint,
    project: key.projectId,
    ...describeSettings(key.settings),
    former_secret_until: formerUntil(key),
    created_at: new Date(key.createdAtMs).toISOString(),
    revoked_at: key.revokedAtMs === null ? null : new Date(key.revokedAtMs).toISOString(),
  };
}

/** Null if only the newest secret is valid. */
function formerUntil({ formerUntilMs }: ApiKey): string | null {
  return formerUntilMs !== null && formerUntilMs > Date.now() ? new Date(formerUntilMs).toISOString() : null;
}

function existing(key: ApiKey | null, id: string): ApiKey {
  if (key === null) throw new FailureError(createFailure('request_not_found', `There is no key '${id}'.`));
  return key;
}
