// Admin routes of ledger messages that SQL rejected: list, read, replay (corrected if necessary), delete.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { readMessage } from '../../ledger/ledger-stream.ts';
import type { Reject, RejectStore, StoredReject } from '../../ledger/reject-store.ts';
import { checkInput, invalidValue } from '../admit/check-input.ts';
import { readOptionalBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';

const MAX_PAGE = 500;
const MAX_ID = 100;

export const rejectQuery = z.strictObject({
  limit: z.coerce.number().int().positive().max(MAX_PAGE).default(100),
  after: z.string().max(MAX_ID).optional(),
});
export const rejectReplay = z.strictObject({ message: z.record(z.string(), z.unknown()).optional() });
export const rejectsReplay = z.strictObject({ limit: z.number().int().positive().max(MAX_PAGE).default(100) });

type ById = { Params: { id: string } };

export function registerAdminLedger(admin: FastifyInstance, { rejects, ledger }: ApiContext): void {
  /** Messages of responses contain clients' input and output. */
  const whole = { config: { role: 'operator' as const, isConfidential: true } };

  /** Back into the stream first: the writer ignores duplicates. */
  async function replay(reject: StoredReject, corrected?: string): Promise<void> {
    await ledger.append(corrected ?? reject.message);
    await rejects.delete(reject.id);
  }

  admin.get('/ledger/rejects', async (request) => {
    const { limit, after } = checkInput(rejectQuery, request.query);
    const found = await rejects.list(limit + 1, after);
    const page = found.slice(0, limit);
    const hasMore = found.length > limit;
    return { object: 'list', data: page.map(describe), has_more: hasMore, next: hasMore ? page.at(-1)!.id : null };
  });

  admin.get<ById>('/ledger/rejects/:id', whole, async ({ params: { id } }) => {
    const reject = await existing(rejects, id);
    return { ...describe(reject), message: readMessage(reject.message) ?? reject.message };
  });

  admin.post<ById>('/ledger/rejects/:id/replay', whole, async (request, reply) => {
    const { message } = checkInput(rejectReplay, await readOptionalBody(request.body));
    const corrected = message === undefined ? undefined : JSON.stringify(message);
    if (corrected !== undefined && readMessage(corrected) === null)
      throw invalidValue('message', 'must be a ledger message, as returned by GET');
    await replay(await existing(rejects, request.params.id), corrected);
    return reply.code(202).send({ id: request.params.id, replayed: true });
  });

  admin.post('/ledger/rejects/replay', async (request) => {
    const { limit } = checkInput(rejectsReplay, await readOptionalBody(request.body));
    const page = await rejects.list(limit);
    for (const { id } of page) {
      const reject = await rejects.find(id);
      if (reject !== null) await replay(reject);
    }
    return { replayed: page.length, left: await rejects.count() };
  });

  admin.delete<ById>('/ledger/rejects/:id', whole, async ({ params: { id } }) => {
    if (!(await rejects.delete(id))) throw notFound(id);
    return { id, deleted: true };
  });
}

function describe({ id, requestId, part, reason, rejectedAtMs }: Reject) {
  return { id, request_id: requestId, part, reason, rejected_at: new Date(rejectedAtMs).toISOString() };
}

async function existing(rejects: RejectStore, id: string): Promise<StoredReject> {
  const reject = await rejects.find(id);
  if (reject === null) throw notFound(id);
  return reject;
}

function notFound(id: string): FailureError {
  return new FailureError(
    createFailure('request_not_found', `There is no refused ledger message '${id}'.`, { param: 'id' }),
  );
}
