// Anthropic's Message Batches on the same engine: requests are sent inline rather than as a file.
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { Batch } from '../../batches/batch.ts';
import type { StoredFile } from '../../batches/file-store.ts';
import {
  arrayItems,
  inputLines,
  MESSAGE_BATCH_LIFE_DAYS,
  MESSAGE_BATCH_PREFIX,
  MESSAGE_BATCH_WINDOW,
  MESSAGES_PATH,
  messageBatchObject,
  resultLines,
} from '../../batches/message-batch.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { createSortableId } from '../../contracts/ids.ts';
import { CLIENT_ENDPOINTS } from '../../protocols/registry.ts';
import { streamPieces } from '../../storage/blobs.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { checkInput } from '../admit/check-input.ts';
import { expectBytes, parseBounded, readMember } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import { checkHere } from '../describe/file-object.ts';
import { publicUrl } from '../request-target.ts';

const MAX_REQUESTS = 100_000;
const DAY_MS = 24 * 3_600_000;

export const newBatchRequest = z.looseObject({
  custom_id: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, "_" and "-"'),
  params: z.record(z.string(), z.unknown()),
});

export const messageBatchQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1_000).default(20),
  before_id: z.string().optional(),
  after_id: z.string().optional(),
});

interface WithId {
  Params: { id: string };
}

export function registerMessageBatches(app: FastifyInstance, context: ApiContext): void {
  const endpoint = CLIENT_ENDPOINTS.find(({ paths }) => paths.includes(MESSAGES_PATH));
  if (endpoint === undefined) return;
  const options = {
    config: { client: endpoint.errors },
    onRequest: async (request: FastifyRequest) => {
      request.apiKey = await authenticate(readSecret(request, endpoint.errors), context.keys);
    },
  };
  const bodyLimit = context.configuration.batches.max_inline_bytes;
  const path = `${MESSAGES_PATH}/batches`;
  const show = (request: FastifyRequest, batch: Batch) =>
    messageBatchObject(batch, publicUrl(request, context.configuration.server.public_url));

  app.post(path, { ...options, bodyLimit }, async (request) => show(request, await create(context, request)));
  app.get(path, options, async (request) => {
    const { limit, before_id: before, after_id: after } = checkInput(messageBatchQuery, request.query);
    const query = { prefix: MESSAGE_BATCH_PREFIX, before, after, limit: limit + 1 };
    const found = await context.batches.list(request.apiKey!.id, query);
    // When paging backwards, the surplus row is the first one.
    const page = before === undefined ? found.slice(0, limit) : found.slice(-limit);
    const data = page.map((batch) => show(request, batch));
    const [first_id, last_id] = [data[0]?.id ?? null, data.at(-1)?.id ?? null];
    return { data, has_more: found.length > limit, first_id, last_id };
  });
  app.get<WithId>(`${path}/:id`, options, async (request) => show(request, await find(context, request)));
  app.post<WithId>(`${path}/:id/cancel`, options, async (request) => {
    const batch = await find(context, request);
    return show(request, (await context.batches.cancel(batch.keyId, batch.id))!);
  });
  app.delete<WithId>(`${path}/:id`, options, async (request) => {
    const batch = await find(context, request);
    if (!(await context.batches.remove(batch))) throw notEnded(batch.id, 'deleted');
    return { id: batch.id, type: 'message_batch_deleted' };
  });
  app.get<WithId>(`${path}/:id/results`, options, async (request, reply) =>
    sendResults(context, reply, await find(context, request)),
  );
}

async function create(context: ApiContext, request: FastifyRequest): Promise<Batch> {
  const bytes = expectBytes(request.body);
  const total = await checkRequests(requestsOf(bytes));
  const key = request.apiKey!;
  const createdAtMs = Date.now();
  const fileId = `file-${createSortableId(createdAtMs)}`;
  const { blobs } = context;
  const written = await blobs.write(fileId, Readable.from(inputLines(bytes)), Number.POSITIVE_INFINITY);
  const input: StoredFile = {
    id: fileId,
    keyId: key.id,
    purpose: 'batch',
    filename: 'requests.jsonl',
    bytes: written.bytes,
    createdAtMs,
    expiresAtMs: createdAtMs + MESSAGE_BATCH_LIFE_DAYS * DAY_MS,
    isInternal: true,
    store: blobs.id,
    pieces: [{ key: fileId, bytes: written.bytes }],
  };
  const batch = {
    id: MESSAGE_BATCH_PREFIX + createSortableId(createdAtMs),
    keyId: key.id,
    endpoint: MESSAGES_PATH,
    inputFileId: fileId,
    completionWindow: MESSAGE_BATCH_WINDOW,
    outputExpiresAfterSeconds: null,
    metadata: null,
    createdAtMs,
    expiresAtMs: createdAtMs + DAY_MS,
    total,
  };
  try {
    return await context.batches.insert(batch, { store: blobs.id, replyShards: context.replyShards }, input);
  } catch (error) {
    await blobs.delete([fileId]);
    throw error;
  }
}

function requestsOf(bytes: Buffer): Buffer {
  const requests = readMember(bytes, 'requests');
  if (requests === null) throw missing('requests');
  if (requests[0] !== BRACKET_OPEN) throw invalid('requests', "Invalid value for 'requests': it must be a list.");
  return requests;
}

const BRACKET_OPEN = 0x5b;

/** Parses one request at a time and yields in between, since a batch may have 256 MB. Returns their number. */
async function checkRequests(requests: Buffer): Promise<number> {
  const seen = new Set<string>();
  let sinceTurn = 0;
  for (const item of arrayItems(requests)) {
    const path = `requests.${seen.size}`;
    if (seen.size === MAX_REQUESTS) throw invalid('requests', `A batch has at most ${MAX_REQUESTS} requests.`);
    const { custom_id: id } = checkInput(newBatchRequest, parseBounded(item), path);
    if (seen.has(id)) {
      throw invalid(`${path}.custom_id`, `${path}.custom_id: '${id}' is used more than once; ids must be unique.`);
    }
    seen.add(id);
    sinceTurn += item.length;
    if (sinceTurn < BYTES_A_TURN) continue;
    sinceTurn = 0;
    await nextTurn();
  }
  if (seen.size === 0) throw invalid('requests', 'A batch needs at least one request.');
  return seen.size;
}

/** Requests checked between two yields: a few milliseconds. */
const BYTES_A_TURN = 512 * 1024;

function missing(param: string): FailureError {
  return new FailureError(createFailure('parameter_missing', `Missing required parameter: '${param}'.`, { param }));
}

function invalid(param: string, message: string): FailureError {
  return new FailureError(createFailure('request_invalid', message, { param }));
}

async function find(context: ApiContext, request: FastifyRequest<WithId>): Promise<Batch> {
  const { id } = request.params;
  const batch = await context.batches.find(request.apiKey!.id, id);
  if (batch?.id.startsWith(MESSAGE_BATCH_PREFIX)) return batch;
  throw new FailureError(createFailure('request_not_found', `There is no message batch '${id}'.`));
}

async function sendResults(context: ApiContext, reply: FastifyReply, batch: Batch): Promise<FastifyReply> {
  if (messageBatchObject(batch, '').processing_status !== 'ended') throw notEnded(batch.id, 'read');
  const ids = [batch.outputFileId, batch.errorFileId].filter((id) => id !== null);
  const files = (await Promise.all(ids.map((id) => context.files.findAny(id)))).filter((file) => file !== null);
  for (const file of files) checkHere(context, file);
  async function* lines() {
    for (const file of files) yield* resultLines(streamPieces(context.blobs, file.pieces));
  }
  return reply.header('content-type', 'application/x-jsonl').send(Readable.from(lines(), { objectMode: false }));
}

function notEnded(id: string, what: string): FailureError {
  const message = `The message batch '${id}' has not ended yet: it cannot be ${what}.`;
  return new FailureError(createFailure('request_invalid', message));
}
