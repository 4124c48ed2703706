// Hedging of a model (docs/routing.md).
import { z } from 'zod';

const percent = z.number().min(0).max(100);

export const hedge = z
  .strictObject({
    after_ms: z
      .number()
      .int()
      .positive()
      .optional()
      .describe(
        'How long to wait for the first deployment’s response to begin before a second one is called. Default: the moving p95 of its recent responses of the same kind (streamed or not).',
      ),
    at_least_ms: z.number().int().min(0).default(200).describe('Lower bound of that wait.'),
    max_share_percent: percent
      .default(5)
      .describe('Most second attempts, as a percentage of the model’s responses, over ten minutes and all workers.'),
    max_extra_cost_percent: percent
      .default(5)
      .describe(
        'Highest cost of losing attempts, as a percentage of the cost of the model’s responses in the same ten minutes.',
      ),
    only_on_request: z
      .boolean()
      .default(false)
      .describe('Hedge only requests with provider.hedge: true. Requests with false are never hedged.'),
  })
  .optional()
  .describe(
    'Hedged requests: if the first deployment is slow to begin, a second one is called too. The first to begin provides the response; the other call is cancelled, and its cost is recorded. Absent: off.',
  );
