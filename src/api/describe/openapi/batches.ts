// OpenAPI entries of files and batches, for OpenAI's and Anthropic's clients.
import { z } from 'zod';
import { BATCH_STATUSES } from '../../../contracts/batch.ts';
import { OPENAI_PREFIXES } from '../../request-target.ts';
import { batchQuery, newBatch } from '../../routes/batches.ts';
import { fileQuery, uploadFields } from '../../routes/files.ts';
import { messageBatchQuery, newBatchRequest } from '../../routes/message-batches.ts';
import { anthropicListQuery, anthropicUploadFields } from '../anthropic-file.ts';
import { group, json, listOf, named, type Operation, ok, under } from './operation.ts';
import { time, unixSeconds } from './parts.ts';

const BY_HEADERS = 'In Anthropic’s format with `anthropic-version` or `x-api-key`, else in OpenAI’s.';

const openaiFile = named(
  'OpenaiFile',
  z.object({
    id: z.string(),
    object: z.literal('file'),
    bytes: z.number().int(),
    created_at: unixSeconds,
    expires_at: unixSeconds.optional(),
    filename: z.string(),
    purpose: z.string(),
    status: z.literal('processed'),
    status_details: z.null(),
  }),
);
const anthropicFile = named(
  'AnthropicFile',
  z.object({
    type: z.literal('file'),
    id: z.string(),
    filename: z.string(),
    mime_type: z.string(),
    size_bytes: z.number().int(),
    created_at: time,
    expires_at: time.nullable(),
    downloadable: z.boolean(),
  }),
);
const file = named('File', z.union([openaiFile, anthropicFile]));
const anthropicFiles = z.object({
  data: z.array(anthropicFile),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  next_page: z.string().nullable(),
});
const fileDeleted = named(
  'FileDeleted',
  z.union([
    z.object({ id: z.string(), object: z.literal('file'), deleted: z.literal(true) }),
    z.object({ id: z.string(), type: z.literal('file_deleted') }),
  ]),
);
const upload = named(
  'Upload',
  uploadFields
    .partial({ purpose: true })
    .extend({
      purpose: uploadFields.shape.purpose.optional().describe('Required for OpenAI clients.'),
      ...anthropicUploadFields.shape,
      file: z.string().describe('The content, in a part named `file`.').meta({ format: 'binary' }),
    })
    .loose(),
);

export const fileOperations: readonly Operation[] = group(
  { tag: 'files', access: 'client', errors: ['openai', 'anthropic'] },
  [
    {
      routes: under(OPENAI_PREFIXES, 'POST', '/files'),
      id: 'createFile',
      summary: 'Uploads a file',
      description: BY_HEADERS,
      body: { content: { 'multipart/form-data': upload } },
      answers: ok(file),
      failures: ['files_quota_exceeded'],
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/files'),
      id: 'listFiles',
      summary: 'Files of this key',
      description: BY_HEADERS,
      query: fileQuery.extend(anthropicListQuery.omit({ limit: true }).shape),
      answers: ok(named('FileList', z.union([listOf(openaiFile), anthropicFiles]))),
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/files/:id'),
      id: 'getFile',
      summary: 'One file',
      description: BY_HEADERS,
      answers: ok(file),
    },
    {
      routes: under(OPENAI_PREFIXES, 'DELETE', '/files/:id'),
      id: 'deleteFile',
      summary: 'Deletes a file',
      description: BY_HEADERS,
      answers: ok(fileDeleted),
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/files/:id/content'),
      id: 'downloadFile',
      summary: 'The content of a file',
      headers: ['range', 'if-range'],
      answers: {
        200: {
          description: 'The whole file.',
          content: { 'application/octet-stream': { bytes: 'As uploaded.' } },
          headers: ['etag'],
        },
        206: {
          description: 'A range of the file.',
          content: { 'application/octet-stream': { bytes: 'As uploaded.' } },
          headers: ['etag', 'content-range'],
        },
      },
      failures: ['request_malformed', 'range_unsatisfiable'],
    },
  ],
);

const batchTime = unixSeconds.nullable();
export const batch = named(
  'Batch',
  z.object({
    id: z.string(),
    object: z.literal('batch'),
    endpoint: z.string(),
    model: z.string().optional().describe('Model of all lines, if it is the same.'),
    errors: z
      .object({
        object: z.literal('list'),
        data: z.array(
          z.object({
            code: z.string(),
            message: z.string(),
            param: z.string().nullable(),
            line: z.number().int().nullable(),
          }),
        ),
      })
      .nullable(),
    input_file_id: z.string(),
    completion_window: z.string(),
    status: z.enum(BATCH_STATUSES),
    output_file_id: z.string().nullable(),
    error_file_id: z.string().nullable(),
    created_at: unixSeconds,
    in_progress_at: batchTime,
    expires_at: unixSeconds,
    finalizing_at: batchTime,
    completed_at: batchTime,
    failed_at: batchTime,
    expired_at: batchTime,
    cancelling_at: batchTime,
    cancelled_at: batchTime,
    request_counts: z.object({ total: z.number().int(), completed: z.number().int(), failed: z.number().int() }),
    usage: z.object({
      input_tokens: z.number().int(),
      input_tokens_details: z.object({ cached_tokens: z.number().int() }),
      output_tokens: z.number().int(),
      output_tokens_details: z.object({ reasoning_tokens: z.number().int() }),
      total_tokens: z.number().int(),
    }),
    metadata: z.record(z.string(), z.string()).nullable(),
    x_sluice_eta: batchTime.describe('Expected end.'),
    x_sluice_at_risk: z.boolean().describe('Whether the expected end is after the completion window.'),
    x_sluice_cost: z.number().describe('Cost so far, in US dollars.'),
  }),
);

const openaiBatches = group({ tag: 'batches', access: 'client', errors: ['openai'] }, [
  {
    routes: under(OPENAI_PREFIXES, 'POST', '/batches'),
    id: 'createBatch',
    summary: 'Creates a batch from the lines of a file',
    body: {
      content: json(named('NewBatch', newBatch)),
      example: { input_file_id: 'file-…', endpoint: '/v1/chat/completions', completion_window: '24h' },
    },
    answers: ok(batch),
  },
  {
    routes: under(OPENAI_PREFIXES, 'GET', '/batches'),
    id: 'listBatches',
    summary: 'Batches of this key, newest first',
    query: batchQuery,
    answers: ok(named('BatchList', listOf(batch))),
  },
  {
    routes: under(OPENAI_PREFIXES, 'GET', '/batches/:id'),
    id: 'getBatch',
    summary: 'One batch',
    answers: ok(batch),
  },
  {
    routes: under(OPENAI_PREFIXES, 'POST', '/batches/:id/cancel'),
    id: 'cancelBatch',
    summary: 'Cancels a batch',
    answers: ok(batch),
    failures: ['batch_ended'],
  },
]);

const messageBatch = named(
  'MessageBatch',
  z.object({
    id: z.string(),
    type: z.literal('message_batch'),
    processing_status: z.enum(['in_progress', 'canceling', 'ended']),
    request_counts: z.object({
      processing: z.number().int(),
      succeeded: z.number().int(),
      errored: z.number().int(),
      canceled: z.number().int(),
      expired: z.number().int(),
    }),
    created_at: time,
    expires_at: time,
    ended_at: time.nullable(),
    cancel_initiated_at: time.nullable(),
    archived_at: time.nullable(),
    results_url: z.string().nullable(),
  }),
);
const messageBatchList = z.object({
  data: z.array(messageBatch),
  has_more: z.boolean(),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
});

const messageBatches = group({ tag: 'batches', access: 'client', errors: ['anthropic'] }, [
  {
    routes: ['POST /v1/messages/batches'],
    id: 'createMessageBatch',
    summary: 'Creates a message batch',
    body: { content: json(named('NewMessageBatch', z.looseObject({ requests: z.array(newBatchRequest).min(1) }))) },
    answers: ok(messageBatch),
  },
  {
    routes: ['GET /v1/messages/batches'],
    id: 'listMessageBatches',
    summary: 'Message batches of this key, newest first',
    query: messageBatchQuery,
    answers: ok(named('MessageBatchList', messageBatchList)),
  },
  {
    routes: ['GET /v1/messages/batches/:id'],
    id: 'getMessageBatch',
    summary: 'One message batch',
    answers: ok(messageBatch),
  },
  {
    routes: ['DELETE /v1/messages/batches/:id'],
    id: 'deleteMessageBatch',
    summary: 'Deletes an ended message batch',
    answers: ok(named('MessageBatchDeleted', z.object({ id: z.string(), type: z.literal('message_batch_deleted') }))),
    failures: ['request_invalid'],
  },
  {
    routes: ['POST /v1/messages/batches/:id/cancel'],
    id: 'cancelMessageBatch',
    summary: 'Cancels a message batch',
    answers: ok(messageBatch),
  },
  {
    routes: ['GET /v1/messages/batches/:id/results'],
    id: 'getMessageBatchResults',
    summary: 'Results of an ended message batch',
    answers: {
      200: {
        description: 'One result per line.',
        content: { 'application/x-jsonl': { bytes: 'Lines of JSON: `custom_id` and `result`.' } },
      },
    },
    failures: ['request_invalid'],
  },
]);

export const batchOperations: readonly Operation[] = [...openaiBatches, ...messageBatches];
