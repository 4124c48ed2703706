// Settings of alerts, a part of schema.ts.
import { z } from 'zod';
import { positive } from './value-schema.ts';

export const alerts = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Turns all of these alerts on or off.'),
    check_ms: positive
      .max(3_600_000)
      .default(60_000)
      .describe('How often the checks run; one process of the fleet runs them.'),
    budget_percent: z
      .array(z.number().int().min(1).max(1_000))
      .max(10)
      .default([50, 80, 100])
      .describe(
        'Percentages of a budget at which an alert is raised, each once per period. [] for none; values above 100 for overspending.',
      ),
    credit_percent: z
      .array(z.number().int().min(0).max(100))
      .max(10)
      .default([20, 5])
      .describe(
        'Remaining prepaid balance at which an alert is raised, in percent of the largest of the ten newest payments. [] for none.',
      ),
    credit_usd: z
      .array(z.number().nonnegative())
      .max(10)
      .default([])
      .describe('Remaining prepaid balance at which an alert is raised, in US dollars.'),
    expiry_days: z
      .array(z.number().int().min(1).max(365))
      .max(10)
      .default([14, 3])
      .describe('Days before the expiry of a key, project or organisation at which an alert is raised. [] for none.'),
    credentials: z
      .boolean()
      .default(true)
      .describe('Raises an alert when a provider refuses a credential or its quota is exhausted.'),
    spend: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe('Compares the cost of each hour with the same hour of earlier days.'),
        days: z
          .number()
          .int()
          .min(7)
          .max(60)
          .default(14)
          .describe('How many earlier days are the basis of the comparison.'),
        deviations: z
          .number()
          .positive()
          .max(100)
          .default(6)
          .describe(
            'An hour is unusual if it costs more than the median plus this many deviations (one is 1.4826 × the median absolute deviation).',
          ),
        min_usd: z.number().nonnegative().default(5).describe('Hours that cost less than this are never unusual.'),
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
    'Alerts by webhook: budgets that are nearly spent, low balances, keys about to expire, refused credentials, unusual spending, bills that differ from the ledger.',
  );

export type AlertSettings = z.output<typeof alerts>;
