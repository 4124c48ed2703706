// Settings of keys and accounts in the administration API: reads what operators send, and formats what they receive.
import { z } from 'zod';
import { limitSettings } from '../config/schema.ts';
import { limitSettingsOf, limitsOf } from '../contracts/limit-kinds.ts';
import { type ChargeTerms, formatUsd, parseUsd } from '../contracts/money.ts';
import { type AccountBudgets, BUDGET_PERIODS, type BudgetPeriod, type KeySettings } from './api-key.ts';

/** Larger amounts would exceed the range of the sums in Redis. */
const MOST_USD = 1e9;
const usd = z.number().nonnegative().max(MOST_USD);

export const settingsForm = z.strictObject({
  limits: limitSettings.optional(),
  budgets: z
    .strictObject(Object.fromEntries(BUDGET_PERIODS.map((period) => [period, usd.nullable().optional()])))
    .optional()
    .describe('USD per period; null removes a budget, absent periods stay.'),
  budget_usd: usd.nullable().optional().describe('A single budget, instead of budgets; null for none.'),
  budget_period: z.enum(BUDGET_PERIODS).optional().describe('Period of budget_usd. Default: total.'),
  models: z.array(z.string().min(1)).min(1).nullable().optional(),
  weight: z.number().min(0.001).max(1_000).optional().describe('Share of a full wait queue, relative to other keys.'),
  batch_weight: z.number().positive().max(1_000).optional(),
  expires_at: z.iso.datetime({ offset: true }).nullable().optional().describe('Time of expiry; null for never.'),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((entries) => Object.keys(entries).length <= 16, { message: 'at most 16 entries' })
    .optional()
    .describe('Up to 16 entries; they replace the former ones.'),
  credits: z
    .strictObject({
      markup_percent: z
        .number()
        .min(0)
        .max(1_000)
        .multipleOf(0.0001)
        .default(0)
        .describe('Surcharge on the cost, in percent.'),
      charge_step_usd: z
        .number()
        .min(0.0001)
        .max(1)
        .multipleOf(0.0001)
        .default(0.0001)
        .describe('Charges are rounded up to a multiple of this amount.'),
    })
    .nullable()
    .optional()
    .describe('Requests are charged to a prepaid balance, and refused with 402 when it is spent; null for none.'),
});

export type SettingsForm = z.output<typeof settingsForm>;

/** Changes to an existing key or account. */
export const changeForm = settingsForm.extend({ name: z.string().min(1).max(200).optional() });

/** Settings changed by the form. @param current existing settings: budgets that the form does not name are kept. */
export function readSettingsForm(form: SettingsForm, current: Pick<KeySettings, 'budgets'>): Partial<KeySettings> {
  const { limits, models, weight, batch_weight: batchWeight, expires_at: expiresAt, metadata, credits } = form;
  const budgets = readBudgets(form, current.budgets);
  return {
    ...(limits === undefined ? {} : { limits: limitsOf(limits) }),
    ...(budgets === null ? {} : { budgets }),
    ...(models === undefined ? {} : { models }),
    ...(weight === undefined ? {} : { weight }),
    ...(batchWeight === undefined ? {} : { batchWeight }),
    ...(expiresAt === undefined ? {} : { expiresAtMs: expiresAt === null ? null : Date.parse(expiresAt) }),
    ...(metadata === undefined ? {} : { metadata }),
    ...(credits === undefined ? {} : { credits: credits === null ? null : readTerms(credits) }),
  };
}

/** Both have at most four decimals. */
function readTerms(credits: { markup_percent: number; charge_step_usd: number }): ChargeTerms {
  return {
    markupPpm: Math.round(credits.markup_percent * 10_000),
    stepUnits: Math.round(credits.charge_step_usd * 10_000),
  };
}

/** Null if the form does not change them. */
function readBudgets(form: SettingsForm, current: AccountBudgets): AccountBudgets | null {
  const { budgets, budget_usd: single, budget_period: period } = form;
  if (single !== undefined) return single === null ? {} : { [period ?? 'total']: pico(single) };
  if (budgets !== undefined) return mergeBudgets(current, budgets);
  const [only, ...others] = Object.values(current);
  return period === undefined || only === undefined || others.length > 0 ? null : { [period]: only };
}

function mergeBudgets(current: AccountBudgets, change: Record<string, number | null | undefined>): AccountBudgets {
  const merged: AccountBudgets = { ...current };
  for (const [name, amount] of Object.entries(change)) {
    const period = name as BudgetPeriod;
    if (amount === null) delete merged[period];
    else if (amount !== undefined) merged[period] = pico(amount);
  }
  return merged;
}

function pico(amount: number): string {
  return parseUsd(String(amount)).toString();
}

export function describeSettings(settings: KeySettings) {
  const { limits, budgets, models, weight, batchWeight, expiresAtMs, metadata, credits } = settings;
  const shown = BUDGET_PERIODS.flatMap((period) => {
    const amount = budgets[period];
    return amount === undefined ? [] : [{ period, usd: Number(formatUsd(BigInt(amount))) }];
  });
  return {
    limits: limitSettingsOf(limits),
    budgets: Object.fromEntries(shown.map(({ period, usd: amount }) => [period, amount])),
    // The first budget, for clients that use a single one.
    budget_usd: shown[0]?.usd ?? null,
    budget_period: shown[0]?.period ?? 'total',
    models,
    weight,
    batch_weight: batchWeight,
    expires_at: expiresAtMs === null ? null : new Date(expiresAtMs).toISOString(),
    metadata,
    credits:
      credits === null
        ? null
        : { markup_percent: credits.markupPpm / 10_000, charge_step_usd: credits.stepUnits / 10_000 },
  };
}
