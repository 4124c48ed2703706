// Settings of alerts, a part of schema.ts.
import { z } from 'zod';

const positive = z.number().int().positive();

export const alerts = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether budgets and spending are watched at all.'),
    check_ms: positive.max(3_600_000).default(60_000).describe('How often; one process of the fleet looks.'),
    budget_percent: z
      .array(z.number().int().min(1).max(1_000))
      .max(10)
      .default([50, 80, 100])
      .describe('Parts of a budget at which it is told, once per period; none: []. More than 100 for what exceeds it.'),
    spend: z
      .strictObject({
        enabled: z
          .boolean()
          .default(true)
          .describe('Whether each hour is held against the same hour of the days before.'),
        days: z.number().int().min(7).max(60).default(14).describe('Days before, whose same hour is what is usual.'),
        deviations: z
          .number()
          .positive()
          .max(100)
          .default(6)
          .describe('An hour is unusual from the median and so many deviations (1.4826 × the median deviation).'),
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
          .describe('Differences up to so much of a figure are not told.'),
        tolerance_usd: z.number().nonnegative().default(1).describe('Nor are costs that differ by no more.'),
      })
      .prefault({}),
  })
  .describe('Told by webhook: budgets that fill, spending out of the ordinary, bills that differ from the ledger.');

export type AlertSettings = z.output<typeof alerts>;
