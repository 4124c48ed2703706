// Admin routes of batches of all keys. Changes are made as the batch's key (as-key.ts).
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { checkInput } from '../admit/check-input.ts';
import type { ApiContext } from '../context.ts';
import { batchObject } from '../describe/batch-object.ts';

export const allBatchesQuery = z.strictObject({
  limit: z.coerce.number().int().positive().max(100).default(50),
  after: z.string().min(1).max(100).optional(),
});

export function registerAdminBatches(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/batches', async (request) => {
    const { limit, after } = checkInput(allBatchesQuery, request.query);
    const found = await context.batches.listAll({ after, limit: limit + 1 });
    const page = found.slice(0, limit);
    const hasMore = found.length > limit;
    return {
      object: 'list',
      data: page.map((batch) => ({ ...batchObject(batch), key_id: batch.keyId })),
      has_more: hasMore,
      next: hasMore ? page.at(-1)!.id : null,
    };
  });
}
