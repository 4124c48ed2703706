// The Batch API: create, show, cancel. Batches are run by workers/batches.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Batch, readCompletionWindow } from '../../batches/batch.ts';
import { isActive } from '../../contracts/batch.ts';
import { createFailure, type Failure, FailureError, isFailure } from '../../contracts/failure.ts';
import { createSortableId } from '../../contracts/ids.ts';
import { openaiChatClient } from '../../protocols/openai-chat/protocol.ts';
import { authenticate, bearerToken } from '../admit/authenticate.ts';
import { checkInput } from '../admit/check-input.ts';
import { readBody } from '../admit/read-body.ts';
import type { ApiContext } from '../context.ts';
import { batchEndpoint, batchEndpointPaths, batchObject } from '../describe/batch-object.ts';
import { OPENAI_PREFIXES } from '../request-target.ts';

const PREFIX = 'batch_';

export const newBatch = z.looseObject({
  input_file_id: z.string().min(1),
  endpoint: z.string().min(1),
  completion_window: z.string(),
  metadata: z
    .record(z.string().max(64), z.string().max(512))
    .refine((map) => Object.keys(map).length <= 16, 'at most 16 pairs')
    .nullish(),
  output_expires_after: z
    .looseObject({ anchor: z.literal('created_at'), seconds: z.number().int().min(3_600).max(2_592_000) })
    .nullish(),
});

export const batchQuery = z.object({
  after: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(100).default(20),
});

interface WithId {
  Params: { id: string };
}

export function registerBatches(app: FastifyInstance, context: ApiContext): void {
  const options = {
    config: { client: openaiChatClient },
    onRequest: async (request: FastifyRequest) => {
      request.apiKey = await authenticate(bearerToken(request.headers), context.keys);
    },
  };
  for (const prefix of OPENAI_PREFIXES) {
    app.post(`${prefix}/batches`, options, (request) => create(context, request));
    app.get(`${prefix}/batches`, options, (request) => list(context, request));
    app.get<WithId>(`${prefix}/batches/:id`, options, async (request) =>
      batchObject(expectBatch(await context.batches.find(request.apiKey!.id, request.params.id), request.params.id)),
    );
    app.post<WithId>(`${prefix}/batches/:id/cancel`, options, (request) => cancel(context, request));
  }
}

/** Faults inside the file are reported later, in `errors`, where polling clients look for them. */
async function create(context: ApiContext, request: FastifyRequest) {
  const key = request.apiKey!;
  const wish = checkInput(newBatch, (await readBody(request.body)).value);
  if (batchEndpoint(wish.endpoint) === null) throw invalid('endpoint', unknownEndpoint(wish.endpoint));
  const windowMs = expectWindow(readCompletionWindow(wish.completion_window));
  const file = await context.files.find(key.id, wish.input_file_id);
  if (file === null) throw invalid('input_file_id', `No such File object: ${wish.input_file_id}`);
  if (file.purpose !== 'batch') {
    throw invalid('input_file_id', `The purpose of file ${file.id} is '${file.purpose}'; a batch needs 'batch'.`);
  }
  const createdAtMs = Date.now();
  const batch = await context.batches.insert(
    {
      id: PREFIX + createSortableId(createdAtMs),
      keyId: key.id,
      endpoint: wish.endpoint,
      inputFileId: file.id,
      completionWindow: wish.completion_window,
      outputExpiresAfterSeconds: wish.output_expires_after?.seconds ?? null,
      metadata: wish.metadata ?? null,
      createdAtMs,
      expiresAtMs: createdAtMs + windowMs,
    },
    { store: file.store, replyShards: context.replyShards },
  );
  return batchObject(batch);
}

function expectWindow(window: number | Failure): number {
  if (typeof window === 'object' && isFailure(window)) throw new FailureError(window);
  return window as number;
}

async function list(context: ApiContext, request: FastifyRequest) {
  const { limit, after } = checkInput(batchQuery, request.query);
  const found = await context.batches.list(request.apiKey!.id, { prefix: PREFIX, after, limit: limit + 1 });
  const data = found.slice(0, limit).map(batchObject);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: found.length > limit,
  };
}

async function cancel(context: ApiContext, request: FastifyRequest<WithId>) {
  const { id } = request.params;
  const batch = expectBatch(await context.batches.cancel(request.apiKey!.id, id), id);
  if (isActive(batch.status)) return batchObject(batch);
  const message = `Cannot cancel a batch with status '${batch.status}'.`;
  throw new FailureError(createFailure('batch_ended', message));
}

function expectBatch(batch: Batch | null, id: string): Batch {
  if (batch?.id.startsWith(PREFIX)) return batch;
  throw new FailureError(createFailure('request_not_found', `No batch found with id '${id}'.`, { param: 'id' }));
}

function unknownEndpoint(endpoint: string): string {
  const known = batchEndpointPaths().map((path) => `'${path}'`);
  return `Invalid value: '${endpoint}'. Supported values are: ${known.join(', ')}.`;
}

function invalid(param: string, message: string): FailureError {
  return new FailureError(createFailure('request_invalid', message, { param }));
}
