// The Files API. A file belongs to the key that uploaded it; for other keys it does not exist.
import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { StoredFile } from '../../batches/file-store.ts';
import { mediaTypeOf } from '../../batches/resolve-files.ts';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import { createSortableId } from '../../contracts/ids.ts';
import { anthropicMessagesClient } from '../../protocols/anthropic-messages/protocol.ts';
import { openaiChatClient } from '../../protocols/openai-chat/protocol.ts';
import type { ClientProtocol } from '../../protocols/protocol.ts';
import { streamPieces } from '../../storage/blobs.ts';
import { authenticate, readSecret } from '../admit/authenticate.ts';
import { checkInput } from '../admit/check-input.ts';
import { receiveUpload } from '../admit/receive-upload.ts';
import type { ApiContext } from '../context.ts';
import {
  anthropicFile,
  anthropicListQuery,
  anthropicUploadFields,
  isAnthropicCaller,
  listAnthropicFiles,
} from '../describe/anthropic-file.ts';
import { readByteRange } from '../describe/byte-range.ts';
import {
  checkDownloadable,
  checkHere,
  checkUpload,
  fileObject,
  noSuchFile,
  UPLOAD_PURPOSES,
} from '../describe/file-object.ts';
import { OPENAI_PREFIXES } from '../request-target.ts';

const MAX_PAGE = 10_000;
const DAY_MS = 24 * 3_600_000;
const expirySeconds = z.coerce.number().int().min(3_600).max(2_592_000);

/** SDKs send nested objects as part names with brackets (npm openai 7.55.0, internal/uploads). */
export const uploadFields = z.object({
  purpose: z.enum(UPLOAD_PURPOSES),
  'expires_after[anchor]': z.literal('created_at').optional(),
  'expires_after[seconds]': expirySeconds.optional(),
});

export const fileQuery = z.object({
  purpose: z.string().optional(),
  limit: z.coerce.number().int().min(1).max(MAX_PAGE).default(MAX_PAGE),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().optional(),
});

interface WithId {
  Params: { id: string };
}

export function registerFiles(app: FastifyInstance, context: ApiContext): void {
  app.register((files, _options, done) => {
    // The body is not buffered; the handler reads it as a stream.
    files.addContentTypeParser(/^multipart\/form-data/i, (_request, body, parsed) => parsed(null, body));
    files.addHook('onRequest', async (request) => {
      request.apiKey = await authenticate(readSecret(request, clientOf(request)), context.keys);
    });
    const options = { config: { selectClient: clientOf } };
    const streamed = { config: { ...options.config, hasStreamedBody: true }, bodyLimit: Number.MAX_SAFE_INTEGER };

    for (const prefix of OPENAI_PREFIXES) {
      files.post(`${prefix}/files`, streamed, (request) => upload(context, request));
      files.get(`${prefix}/files`, options, (request) =>
        isAnthropicCaller(request)
          ? listAnthropicFiles(context.files, request.apiKey!.id, checkInput(anthropicListQuery, request.query))
          : list(context, request),
      );
      files.get<WithId>(`${prefix}/files/:id`, options, async (request) =>
        describeFile(request, await find(context, request)),
      );
      files.delete<WithId>(`${prefix}/files/:id`, options, async (request) => {
        const { id } = request.params;
        if (!(await context.files.remove(request.apiKey!.id, id))) throw noSuchFile(id);
        return isAnthropicCaller(request) ? { id, type: 'file_deleted' } : { id, object: 'file', deleted: true };
      });
      files.get<WithId>(`${prefix}/files/:id/content`, options, async (request, reply) =>
        sendContent(context, reply, await find(context, request), request),
      );
    }
    done();
  });
}

function clientOf(request: FastifyRequest): ClientProtocol {
  return isAnthropicCaller(request) ? anthropicMessagesClient : openaiChatClient;
}

function describeFile(request: FastifyRequest, file: StoredFile): object {
  return isAnthropicCaller(request) ? anthropicFile(file) : fileObject(file);
}

/** Anthropic's uploads have no purpose, and another field for the expiry. */
function readFields(request: FastifyRequest, fields: ReadonlyMap<string, string>): z.output<typeof uploadFields> {
  const sent = Object.fromEntries(fields);
  if (!isAnthropicCaller(request)) return checkInput(uploadFields, sent);
  const { expires_in_seconds: seconds } = checkInput(anthropicUploadFields, sent);
  return { purpose: 'user_data', 'expires_after[seconds]': seconds };
}

async function find(context: ApiContext, request: FastifyRequest<WithId>): Promise<StoredFile> {
  const file = await context.files.find(request.apiKey!.id, request.params.id);
  if (file === null) throw noSuchFile(request.params.id);
  return file;
}

async function upload(context: ApiContext, request: FastifyRequest) {
  const { blobs, configuration } = context;
  const createdAtMs = Date.now();
  const id = `file-${createSortableId(createdAtMs)}`;
  if (!/^multipart\/form-data/i.test(request.headers['content-type'] ?? '')) throw notAForm();
  // The purpose may follow the file, so that the limit is known only then.
  const largest = Math.max(configuration.files.max_bytes, configuration.batches.max_bytes);
  const limits = { maxBytes: largest, paceMs: configuration.server.upload_pace_ms };
  try {
    const { fields, file } = await receiveUpload(request.raw, request.body as Readable, limits, (source) =>
      blobs.write(id, source, largest),
    );
    const checked = readFields(request, fields);
    if (file === null) throw missingFile();
    checkUpload(checked.purpose, file.filename);
    checkSize(context, checked.purpose, file.bytes);
    const stored: StoredFile = {
      id,
      keyId: request.apiKey!.id,
      purpose: checked.purpose,
      filename: file.filename,
      bytes: file.bytes,
      createdAtMs,
      expiresAtMs: expiryOf(context, checked, createdAtMs),
      isInternal: false,
      store: blobs.id,
      pieces: [{ key: id, bytes: file.bytes }],
    };
    await context.files.insert(stored);
    await checkQuota(context, stored);
    return describeFile(request, stored);
  } catch (error) {
    // The file may have been stored before the rest of the upload failed.
    await blobs.delete([id]);
    throw error;
  }
}

function checkSize({ configuration }: ApiContext, purpose: string, bytes: number): void {
  const limit = purpose === 'batch' ? configuration.batches.max_bytes : configuration.files.max_bytes;
  if (bytes > limit) throw new FailureError(createFailure('request_malformed', 'File is too large.'));
}

/** Checked after the file was counted: concurrent uploads would all pass an earlier check. */
async function checkQuota({ files, configuration }: ApiContext, { id, keyId }: StoredFile): Promise<void> {
  const limit = configuration.files.bytes_per_key;
  if ((await files.totalBytes(keyId)) <= limit) return;
  await files.forget([id]);
  const message = `The files of this key would be larger than its limit of ${limit} bytes; delete some first.`;
  throw new FailureError(createFailure('files_quota_exceeded', message));
}

/** Like OpenAI: batch files are kept for 30 days by default, other files until deleted. */
function expiryOf({ configuration }: ApiContext, fields: z.output<typeof uploadFields>, createdAtMs: number) {
  const seconds = fields['expires_after[seconds]'];
  if (seconds !== undefined) return createdAtMs + seconds * 1_000;
  return fields.purpose === 'batch' ? createdAtMs + configuration.batches.output_days * DAY_MS : null;
}

async function list(context: ApiContext, request: FastifyRequest) {
  const { limit, ...query } = checkInput(fileQuery, request.query);
  const found = await context.files.list(request.apiKey!.id, { ...query, limit: limit + 1 });
  const data = found.slice(0, limit).map(fileObject);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: found.length > limit,
  };
}

function sendContent(
  context: ApiContext,
  reply: FastifyReply,
  file: StoredFile,
  request: FastifyRequest,
): FastifyReply {
  const { headers } = request;
  const isAnthropic = isAnthropicCaller(request);
  if (!isAnthropic) checkDownloadable(file);
  checkHere(context, file);
  // Files are immutable: the id is a strong ETag.
  const tag = `"${file.id}"`;
  const name = encodeURIComponent(file.filename);
  reply
    .header('content-type', isAnthropic ? mediaTypeOf(file.filename) : 'application/octet-stream')
    .header('content-disposition', `attachment; filename*=UTF-8''${name}`)
    .header('accept-ranges', 'bytes')
    .header('etag', tag);
  const range = readByteRange(headers, tag, file.bytes);
  if (range === null) {
    reply.header('content-length', file.bytes);
    return reply.send(streamPieces(context.blobs, file.pieces));
  }
  if (range === 'unsatisfiable') {
    reply.header('content-range', `bytes */${file.bytes}`);
    const message = `The range '${headers.range}' starts after the end of the file, which has ${file.bytes} bytes.`;
    throw new FailureError(createFailure('range_unsatisfiable', message));
  }
  const { from, to } = range;
  return reply
    .code(206)
    .header('content-range', `bytes ${from}-${to - 1}/${file.bytes}`)
    .header('content-length', to - from)
    .send(streamPieces(context.blobs, file.pieces, from, to));
}

function notAForm(): FailureError {
  const message = "Send the file with 'Content-Type: multipart/form-data', in a part named 'file'.";
  return new FailureError(createFailure('content_type_unsupported', message));
}

function missingFile(): FailureError {
  const message = "Missing required parameter: 'file'.";
  return new FailureError(createFailure('parameter_missing', message, { param: 'file' }));
}
