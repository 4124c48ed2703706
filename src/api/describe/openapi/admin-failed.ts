// OpenAPI entries of permanent failures: dead letters, and messages that the ledger rejected.
import { z } from 'zod';
import { letterDeletion, letterQuery, replayChange, replayMany } from '../../routes/admin-dead-letters.ts';
import { rejectQuery, rejectReplay, rejectsReplay } from '../../routes/admin-ledger.ts';
import { ADMIN, deleted, group, json, named, type Operation, ok } from './operation.ts';
import { attempt, time, timeline, usd } from './parts.ts';

const deletedCount = named('DeletedCount', z.object({ deleted: z.number().int() }));

const replay = named('Replay', z.object({ request_id: z.string(), model: z.string(), created_at: time }));
const letter = named(
  'DeadLetter',
  z.object({
    id: z.string(),
    object: z.literal('dead_letter'),
    key_id: z.string(),
    model: z.string(),
    protocol: z.string(),
    lane: z.string(),
    stream: z.boolean(),
    provider: z.string().nullable(),
    error: z.object({
      code: z.string(),
      message: z.string(),
      upstream_status: z.number().int().nullable(),
      upstream_code: z.string().nullable(),
    }),
    accepted_at: time,
    failed_at: time,
    attempts: z.number().int(),
    cost_usd: usd,
    body: z
      .enum(['none', 'plain', 'sealed'])
      .describe('How the body is stored. Dead letters with `none` cannot be replayed.'),
    body_key: z.string().optional(),
    replay_of: z.string().nullable(),
    replays: z.array(replay),
  }),
);
const letterDetail = named(
  'DeadLetterDetail',
  letter.extend({
    deadline_at: time,
    plan: z.array(z.object({ deployment: z.string(), upstreamModel: z.string(), model: z.string() })),
    estimated_tokens: z.object({ input: z.number(), output: z.number() }),
    timeline,
    attempts: z.array(attempt),
  }),
);
const letterPage = named(
  'DeadLetterPage',
  z.object({
    object: z.literal('list'),
    data: z.array(letter),
    has_more: z.boolean(),
    next: z.string().nullable().describe('`after` of the next page.'),
  }),
);
const replayed = named('Replayed', z.object({ id: z.string(), request_id: z.string() }));
const replayReport = named(
  'ReplayReport',
  z.object({
    matched: z.number().int(),
    replayed: z.number().int(),
    failed: z.number().int(),
    requests: z.array(replayed),
    failures: z.array(z.object({ id: z.string(), code: z.string(), message: z.string() })),
  }),
);

const letters = group({ ...ADMIN, tag: 'dead letters' }, [
  {
    routes: ['GET /admin/dead-letters'],
    id: 'listDeadLetters',
    summary: 'Requests that failed permanently, newest first',
    query: letterQuery,
    answers: ok(letterPage),
  },
  {
    routes: ['DELETE /admin/dead-letters'],
    id: 'deleteDeadLetters',
    summary: 'Deletes the dead letters that match a filter (a filter is required)',
    query: letterDeletion,
    answers: ok(deletedCount),
  },
  {
    routes: ['GET /admin/dead-letters/:id'],
    id: 'getDeadLetter',
    summary: 'Failure, timeline and attempts of one dead letter',
    answers: ok(letterDetail),
  },
  {
    routes: ['DELETE /admin/dead-letters/:id'],
    id: 'deleteDeadLetter',
    summary: 'Deletes one dead letter',
    answers: ok(deleted),
  },
  {
    routes: ['POST /admin/dead-letters/:id/replay'],
    id: 'replayDeadLetter',
    summary: 'Sends it again as a new request',
    body: { content: json(named('ReplayChange', replayChange)), isOptional: true },
    answers: { 202: { description: 'Accepted.', content: json(replayed), headers: ['location'] } },
    failures: ['no_deployment', 'model_not_found', 'key_forbidden', 'budget_exhausted', 'key_rate_limited'],
  },
  {
    routes: ['POST /admin/dead-letters/replay'],
    id: 'replayDeadLetters',
    summary: 'Sends the dead letters that match a filter again as new requests, oldest first',
    body: { content: json(named('ReplayMany', replayMany)), isOptional: true },
    answers: ok(replayReport),
  },
]);

const reject = named(
  'LedgerReject',
  z.object({
    id: z.string(),
    request_id: z.string().nullable(),
    part: z.string(),
    reason: z.string(),
    rejected_at: time,
  }),
);
const rejectDetail = named(
  'LedgerRejectDetail',
  reject.extend({
    message: z
      .union([z.record(z.string(), z.unknown()), z.string()])
      .describe('As received; a string if it is not JSON.'),
  }),
);
const rejectPage = named(
  'LedgerRejectPage',
  z.object({
    object: z.literal('list'),
    data: z.array(reject),
    has_more: z.boolean(),
    next: z.string().nullable().describe('`after` of the next page.'),
  }),
);

const ledger = group({ ...ADMIN, tag: 'ledger' }, [
  {
    routes: ['GET /admin/ledger/rejects'],
    id: 'listLedgerRejects',
    summary: 'Ledger messages that the database refused and that are missing in the ledger, oldest first',
    query: rejectQuery,
    answers: ok(rejectPage),
  },
  {
    routes: ['GET /admin/ledger/rejects/:id'],
    id: 'getLedgerReject',
    summary: 'The reason and the message as received',
    answers: ok(rejectDetail),
  },
  {
    routes: ['DELETE /admin/ledger/rejects/:id'],
    id: 'deleteLedgerReject',
    summary: 'Deletes a message; it will never be written to the ledger',
    answers: ok(deleted),
  },
  {
    routes: ['POST /admin/ledger/rejects/:id/replay'],
    id: 'replayLedgerReject',
    summary: 'Writes it to the ledger again, with an optional corrected message',
    body: { content: json(named('RejectReplay', rejectReplay)), isOptional: true },
    answers: {
      202: {
        description: 'Accepted. If it is refused again, it is listed again.',
        content: json(named('RejectReplayed', z.object({ id: z.string(), replayed: z.literal(true) }))),
      },
    },
  },
  {
    routes: ['POST /admin/ledger/rejects/replay'],
    id: 'replayLedgerRejects',
    summary: 'Writes the oldest messages to the ledger again',
    body: { content: json(named('RejectsReplay', rejectsReplay)), isOptional: true },
    answers: ok(named('RejectsReplayed', z.object({ replayed: z.number().int(), left: z.number().int() }))),
  },
]);

export const LETTER_OPERATIONS: readonly Operation[] = [...letters, ...ledger];
