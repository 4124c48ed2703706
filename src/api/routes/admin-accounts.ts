// Admin routes of organisations, projects and prepaid credits.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { type AccountStore, createAccountStore } from '../../accounts/account-store.ts';
import { type Account, BUDGET_PERIODS, DEFAULT_KEY_SETTINGS } from '../../accounts/api-key.ts';
import { type BudgetOwner, createBudgetReader, periodStart } from '../../accounts/budgets.ts';
import { announceKeyChange } from '../../accounts/key-store.ts';
import { changeForm, describeSettings, readSettingsForm, settingsForm } from '../../accounts/settings-form.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { formatUsd, parseUsd } from '../../contracts/money.ts';
import { chargesByDay } from '../../ledger/reports.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';

const MAX_PAGE = 500;
const day = z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'must be a date, YYYY-MM-DD');

export const newAccount = settingsForm.extend({
  kind: z.enum(['organisation', 'project']),
  name: z.string().min(1).max(200),
  organisation: z.string().min(1).optional().describe('For a project: the id of its organisation.'),
});
export const newCredits = z.strictObject({
  amount_usd: z.number().min(-1e6).max(1e6).describe('Amount of the payment; negative for a correction.'),
  note: z.string().max(500).optional(),
});
export const statementQuery = z.strictObject({ from: day.optional(), to: day.optional() });
type ById = { Params: { id: string } };

export function registerAdminAccounts(admin: FastifyInstance, context: ApiContext): void {
  const store = createAccountStore(context.database);
  const announce = () => announceKeyChange(context.redis, context.keyspace);

  admin.get('/accounts', async () => ({ data: (await store.list()).map(describeAccount) }));

  admin.post('/accounts', async (request, reply) => {
    const form = checkInput(newAccount, (await readBody(request.body)).value);
    const { kind, name, organisation, ...settings } = form;
    await checkParent(store, kind, organisation);
    const account = await store.create({
      kind,
      name,
      parentId: organisation ?? null,
      settings: readSettingsForm(settings, DEFAULT_KEY_SETTINGS),
    });
    return reply.code(201).send(describeAccount(account));
  });

  admin.get<ById>('/accounts/:id', async ({ params: { id } }) => {
    const account = existing(await store.find(id), id);
    return { ...describeAccount(account), spent_usd: await spendingOf(context, account) };
  });

  admin.patch<ById>('/accounts/:id', async (request) => {
    const { name, ...form } = checkInput(changeForm, (await readBody(request.body)).value);
    const { id } = request.params;
    const { settings } = existing(await store.find(id), id);
    const changed = await store.update(id, readSettingsForm(form, settings), name);
    await announce();
    return describeAccount(existing(changed, id));
  });

  admin.delete<ById>('/accounts/:id', async ({ params: { id } }) => {
    const account = await store.revoke(id);
    await announce();
    return describeAccount(existing(account, id));
  });

  registerCredits(admin, context, store);
}

/** Credits belong to a key, a project or an organisation. */
function registerCredits(admin: FastifyInstance, context: ApiContext, store: AccountStore): void {
  const reader = createBudgetReader(context.database);

  async function balanceOf(id: string): Promise<bigint> {
    return (await store.paidIn(id)) - (await reader.spentSince({ id, kind: 'credits' }, null));
  }

  async function checkPayer(id: string): Promise<void> {
    const payer = (await store.find(id)) ?? (await context.keyStore.findById(id));
    if (payer === null) throw notFound(id);
    if (payer.settings.credits === null) throw invalidValue('id', `${id} has no credits: set its 'credits' first`);
  }

  admin.post<ById>('/accounts/:id/credits', async (request, reply) => {
    const { id } = request.params;
    const { amount_usd: amount, note } = checkInput(newCredits, (await readBody(request.body)).value);
    await checkPayer(id);
    const actor = request.operator!.name;
    const entry = await store.addCredits({
      accountId: id,
      amount: parseUsd(String(amount)),
      note: note ?? null,
      actor,
    });
    await announceKeyChange(context.redis, context.keyspace);
    return reply.code(201).send({ id: entry.id, account: id, balance_usd: formatUsd(await balanceOf(id)) });
  });

  admin.get<ById>('/accounts/:id/statement', async (request) => {
    const { id } = request.params;
    const { from, to } = checkInput(statementQuery, request.query);
    await checkPayer(id);
    const entries = await store.creditEntries(id, MAX_PAGE);
    const charges = await chargesByDay(context.reports, id, { ...(from && { from }), ...(to && { to }) });
    return {
      account: id,
      balance_usd: formatUsd(await balanceOf(id)),
      paid_in_usd: formatUsd(await store.paidIn(id)),
      credits: entries.map(({ id: entry, amount, note, actor, createdAtMs }) => ({
        id: entry,
        amount_usd: formatUsd(amount),
        note,
        actor,
        created_at: new Date(createdAtMs).toISOString(),
      })),
      charges: charges.map(({ day: charged, requests, cost, charge }) => ({
        day: charged,
        requests,
        cost_usd: formatUsd(cost),
        charge_usd: formatUsd(charge),
      })),
    };
  });
}

async function checkParent(store: AccountStore, kind: Account['kind'], id: string | undefined): Promise<void> {
  if (id === undefined) return;
  if (kind === 'organisation')
    throw invalidValue('organisation', 'an organisation cannot belong to another organisation');
  if ((await store.find(id))?.kind !== 'organisation')
    throw invalidValue('organisation', `there is no organisation '${id}'`);
}

/** Spend in the current periods, from the ledger. */
export async function spendingOf({ database }: ApiContext, owner: BudgetOwner): Promise<Record<string, string>> {
  const reader = createBudgetReader(database);
  const spent = await Promise.all(
    BUDGET_PERIODS.map(async (period) => {
      const cost = await reader.spentSince(owner, periodStart(period, Date.now()));
      return [period, formatUsd(cost)];
    }),
  );
  return Object.fromEntries(spent) as Record<string, string>;
}

function describeAccount({ id, kind, name, parentId, settings, createdAtMs, revokedAtMs }: Account) {
  return {
    id,
    kind,
    name,
    organisation: parentId,
    ...describeSettings(settings),
    created_at: new Date(createdAtMs).toISOString(),
    revoked_at: revokedAtMs === null ? null : new Date(revokedAtMs).toISOString(),
  };
}

function existing(account: Account | null, id: string): Account {
  if (account === null) throw notFound(id);
  return account;
}

function notFound(id: string): FailureError {
  return new FailureError(createFailure('request_not_found', `There is no account '${id}'.`, { param: 'id' }));
}
