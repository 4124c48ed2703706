// Settings of alerts, a part of schema.ts.
import { z } from 'zod';

const positive = z.number().int().positive();

export const alerts = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether any of this is watched.'),
    check_ms: positive
      .max(3_600_000)
      .default(60_000)
      .describe('How often this is checked; one process of the fleet does it.'),
    budget_percent: z
      .array(z.number().int().min(1).max(1_000))
      .max(10)
      .default([50, 80, 100])
      .describe(
        'Percentages of a budget at which an alert is raised, each once per period. [] for none; more than 100 for spending beyond the budget.',
      ),
    credit_percent: z
      .array(z.number().int().min(0).max(100))
      .max(10)
      .default([20, 5])
      .describe(
        'What is left of a prepaid balance, in percent of the largest of its ten newest payments, at which an alert is raised. [] for none.',
      ),
    credit_usd: z.array(z.number().nonnegative()).max(10).default([]).describe('The same, as amounts in US dollars.'),
    expiry_days: z
      .array(z.number().int().min(1).max(365))
      .max(10)
      .default([14, 3])
      .describe('Days before the expiry of a key, project or organisation at which an alert is raised. [] for none.'),
    credentials: z
      .boolean()
      .default(true)
      .describe('Whether an alert is raised when a provider refuses a credential or its quota is exhausted.'),
    spend: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe('Whether each hour is compared with the same hour of earlier days.'),
        days: z
          .number()
          .int()
          .min(7)
          .max(60)
          .default(14)
          .describe('How many earlier days are compared: what they cost in the same hour is usual.'),
        deviations: z
          .number()
          .positive()
          .max(100)
          .default(6)
          .describe(
            'An hour is unusual if it costs more than the median and this many deviations (1.4826 × the median deviation).',
          ),
        min_usd: z.number().nonnegative().default(5).describe('Hours that cost less are never unusual.'),
      })
      .prefault({}),
    reconcile: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe('Providers with a usage_api are reconciled once a day, for the day before yesterday.'),
        tolerance_percent: z
          .number()
          .min(0)
          .max(100)
          .default(1)
          .describe('Differences up to this percentage of the figure raise no alert.'),
        tolerance_usd: z
          .number()
          .nonnegative()
          .default(1)
          .describe('Costs that differ by no more than this raise no alert either.'),
      })
      .prefault({}),
  })
  .describe(
    'Alerts by webhook: budgets that fill, balances that run low, keys that expire, refused credentials, unusual spending, bills that differ from the ledger.',
  );

export type AlertSettings = z.output<typeof alerts>;
