// Hedging of a model: a second deployment is asked where the first is slow to begin (docs/routing.md).
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
        'How long the first deployment may take to begin. Default: the time within which 95 % of its last answers of this kind (streamed or not) began.',
      ),
    at_least_ms: z.number().int().min(0).default(200).describe('Nobody else is asked before, whatever is usual.'),
    max_share_percent: percent
      .default(5)
      .describe('Second attempts in a hundred answers of the model, over ten minutes and all workers.'),
    max_extra_cost_percent: percent
      .default(5)
      .describe('What attempts that lost may cost, of what the model’s answers have cost in the same ten minutes.'),
    only_on_request: z
      .boolean()
      .default(false)
      .describe('Only requests that say provider.hedge: true. Those that say false are never hedged.'),
  })
  .optional()
  .describe(
    'A second deployment is asked where the first is slow to begin; what begins first is the answer, the other call is ended and booked. Absent: no such thing.',
  );
