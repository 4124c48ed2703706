// Admin routes of dead letters: list, read, replay, delete.
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createFailure, type Failure, FailureError } from '../../contracts/failure.ts';
import type { LetterFilter } from '../../dead-letters/dead-letter.ts';
import type { Position, StoredLetter } from '../../dead-letters/dead-letter-store.ts';
import { listAttempts } from '../../ledger/request-history.ts';
import { checkInput, dayOrMoment, endOf, invalidValue } from '../admit/check-input.ts';
import { readOptionalBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import { describeDeadLetter, summarizeDeadLetter } from '../describe/describe-dead-letter.ts';
import { type ReplayChange, replayDeadLetter } from '../replay-dead-letter.ts';

const MAX_PAGE = 500;
/** Replays per call, so that an operator sees their outcome before replaying more. */
const MAX_REPLAYS = 1_000;
const REPLAYS_AT_ONCE = 16;

const filterFields = {
  model: z.string().min(1).optional(),
  provider: z.string().min(1).optional(),
  code: z.string().min(1).optional(),
  key: z.string().min(1).optional(),
  from: dayOrMoment.optional(),
  to: dayOrMoment.optional(),
};
const isReplayed = z.enum(['true', 'false']).transform((text) => text === 'true');

export const letterQuery = z.strictObject({
  ...filterFields,
  replayed: isReplayed.optional(),
  limit: z.coerce.number().int().positive().max(MAX_PAGE).default(100),
  after: z.string().optional(),
});
export const letterDeletion = z.strictObject({ ...filterFields, replayed: isReplayed.optional() });
const changeFields = { model: z.string().min(1).optional(), vendor: z.string().min(1).optional() };
export const replayChange = z.strictObject(changeFields);
export const replayMany = z.strictObject({
  ...changeFields,
  /** Filter by whether they were replayed before: false by default, null for both. */
  filter: z.strictObject({ ...filterFields, replayed: z.boolean().nullable().default(false) }).prefault({}),
  limit: z.number().int().positive().max(MAX_REPLAYS).default(100),
});

type ById = { Params: { id: string } };
type FilterInput = Partial<Record<keyof typeof filterFields, string | undefined>> & {
  replayed?: boolean | null | undefined;
};

export function registerAdminDeadLetters(admin: FastifyInstance, context: ApiContext): void {
  const { deadLetters } = context;

  admin.get('/dead-letters', async (request) => {
    const { limit, after, ...filter } = checkInput(letterQuery, request.query);
    const letters = await deadLetters.list(readFilter(filter), limit + 1, readPosition(after));
    const page = letters.slice(0, limit);
    const last = page.at(-1);
    return {
      object: 'list',
      data: page.map(summarizeDeadLetter),
      has_more: letters.length > limit,
      next: letters.length > limit && last !== undefined ? `${last.failedAtMs}.${last.spec.requestId}` : null,
    };
  });

  admin.get<ById>('/dead-letters/:id', async ({ params: { id } }) => {
    const letter = existing(await deadLetters.find(id), id);
    return describeDeadLetter(letter, await listAttempts(context.database, id));
  });

  admin.post<ById>('/dead-letters/:id/replay', async (request, reply) => {
    const { id } = request.params;
    const wanted = checkInput(replayChange, await readOptionalBody(request.body));
    const letter = existing(await deadLetters.find(id), id);
    const requestId = await replayDeadLetter(context, letter, wanted);
    return reply.code(202).header('location', `/v1/requests/${requestId}`).send({ id, request_id: requestId });
  });

  admin.post('/dead-letters/replay', async (request) => {
    const { filter, limit, ...wanted } = checkInput(replayMany, await readOptionalBody(request.body));
    const chosen = readFilter(filter);
    const [matched, letters] = await Promise.all([deadLetters.count(chosen), deadLetters.listOldest(chosen, limit)]);
    const { replayed, failed } = await replayAll(context, letters, wanted);
    return { matched, replayed: replayed.length, failed: failed.length, requests: replayed, failures: failed };
  });

  admin.delete<ById>('/dead-letters/:id', async ({ params: { id } }) => {
    if ((await deadLetters.delete({ ids: [id] })) === 0) throw new FailureError(notFound(id));
    return { id, deleted: true };
  });

  admin.delete('/dead-letters', async (request) => {
    const filter = readFilter(checkInput(letterDeletion, request.query));
    if (Object.keys(filter).length === 0)
      throw invalidValue('from', 'a filter is required, so that not everything is deleted by accident');
    return { deleted: await deadLetters.delete(filter) };
  });
}

/** A few at a time, in order; one that cannot be replayed does not stop the others. */
async function replayAll(context: ApiContext, letters: readonly StoredLetter[], wanted: ReplayChange) {
  const replayed: { id: string; request_id: string }[] = [];
  const failed: { id: string; code: string; message: string }[] = [];
  const waiting = [...letters];
  const work = async () => {
    for (let letter = waiting.shift(); letter !== undefined; letter = waiting.shift()) {
      const id = letter.spec.requestId;
      try {
        replayed.push({ id, request_id: await replayDeadLetter(context, letter, wanted) });
      } catch (error) {
        if (!(error instanceof FailureError)) throw error;
        failed.push({ id, code: error.failure.code, message: error.failure.message });
      }
    }
  };
  await Promise.all(Array.from({ length: REPLAYS_AT_ONCE }, work));
  return { replayed, failed };
}

function readFilter({ model, provider, code, key, from, to, replayed }: FilterInput): LetterFilter {
  return {
    ...(model === undefined ? {} : { model }),
    ...(provider === undefined ? {} : { provider }),
    ...(code === undefined ? {} : { code }),
    ...(key === undefined ? {} : { keyId: key }),
    ...(from === undefined ? {} : { fromMs: Date.parse(from) }),
    ...(to === undefined ? {} : { toMs: endOf(to) }),
    ...(replayed == null ? {} : { isReplayed: replayed }),
  };
}

function readPosition(after: string | undefined): Position | undefined {
  if (after === undefined) return undefined;
  const match = /^(\d{1,16})\.(req_\w+)$/.exec(after);
  if (match === null) throw invalidValue('after', 'must be the `next` value of an earlier page');
  return { failedAtMs: Number(match[1]), requestId: match[2]! };
}

function existing(letter: StoredLetter | null, id: string): StoredLetter {
  if (letter === null) throw new FailureError(notFound(id));
  return letter;
}

function notFound(id: string): Failure {
  return createFailure('request_not_found', `There is no dead letter '${id}'.`, { param: 'id' });
}
