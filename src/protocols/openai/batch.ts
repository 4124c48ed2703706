// OpenAI's Files and Batch API, for every OpenAI endpoint that the broker calls.
// Wire facts: docs/reference/openai-batch.md sections 1 and 2.
import {
  asCount,
  asList,
  asObject,
  asText,
  type BatchChunk,
  type BatchProtocol,
  type Json,
  type ProviderBatch,
  type ProviderLine,
  parseJson,
} from '../batch-protocol.ts';
import { memberBytes } from '../wire/json-object.ts';

/** Key of the broker's own id in a batch's metadata. */
const CHUNK_KEY = 'sluice_chunk';
const BOUNDARY = 'sluice-6f1c2e5b9d3a47f0';
/** Input files whose batch was never created expire. */
const FILE_LIFE_S = 14 * 24 * 3_600;
const ENDED = new Set(['completed', 'failed', 'expired', 'cancelled']);
const PAGE = 100;

/** @param url of a line, independent of the provider's base URL. */
function openaiBatch(upstream: string, url: string): BatchProtocol {
  return {
    upstream,
    // 200 MB, less room for the multipart form around them.
    limits: { lines: 50_000, bytes: 199 * 1_000_000 },
    showsChunkId: true,
    encodeLine(id, body) {
      const head = `{"custom_id":${JSON.stringify(id)},"method":"POST","url":"${url}","body":`;
      return Buffer.concat([Buffer.from(head), onOneLine(body), Buffer.from('}\n')]);
    },
    upload: (chunk) => ({
      method: 'POST',
      path: '/files',
      contentType: `multipart/form-data; boundary=${BOUNDARY}`,
      body: encodeForm(chunk),
    }),
    readUpload: (body) => asText(asObject(body)?.id),
    create: ({ id }, fileId) => ({
      method: 'POST',
      path: '/batches',
      contentType: 'application/json',
      body: Buffer.from(
        JSON.stringify({
          input_file_id: fileId,
          endpoint: url,
          completion_window: '24h',
          metadata: { [CHUNK_KEY]: id },
        }),
      ),
    }),
    retrieve: (id) => ({ method: 'GET', path: `/batches/${id}` }),
    cancel: (id) => ({ method: 'POST', path: `/batches/${id}/cancel` }),
    list: (after) => ({ method: 'GET', path: `/batches?limit=${PAGE}${after === null ? '' : `&after=${after}`}` }),
    readBatch: (body) => readBatch(asObject(body)),
    readList(body) {
      const list = asObject(body);
      const batches = asList(list?.data).flatMap((item) => readBatch(asObject(item)) ?? []);
      return { batches, next: list?.has_more === true ? (batches.at(-1)?.id ?? null) : null };
    },
    results: ({ resultFiles }) => resultFiles.map((id) => ({ method: 'GET', path: `/files/${id}/content` })),
    resultFormat: 'lines',
    readResults: (line) => readResult(line),
    remove: ({ inputFile, resultFiles }) =>
      [inputFile, ...resultFiles].flatMap((id) => (id === null ? [] : [{ method: 'DELETE', path: `/files/${id}` }])),
  };
}

export const openaiChatBatch = openaiBatch('openai-chat', '/v1/chat/completions');
export const openaiResponsesBatch = openaiBatch('openai-responses', '/v1/responses');
export const openaiEmbeddingsBatch: BatchProtocol = {
  ...openaiBatch('openai-embeddings', '/v1/embeddings'),
  /** A batch of embeddings has at most 50,000 inputs, and a line may have several. */
  countUnits(body) {
    const input = asObject(parseJson(body))?.input;
    return Array.isArray(input) && typeof input[0] !== 'number' ? Math.max(1, input.length) : 1;
  },
};

/** A raw line break in valid JSON is white space. */
function onOneLine(json: Buffer): Buffer {
  if (!json.includes(0x0a) && !json.includes(0x0d)) return json;
  return Buffer.from(json.map((byte) => (byte === 0x0a || byte === 0x0d ? 0x20 : byte)));
}

/** The boundary cannot occur in the lines, because each begins with a brace. */
function encodeForm({ id, lines }: BatchChunk): Buffer {
  const field = (name: string, value: string) =>
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const before =
    field('purpose', 'batch') +
    field('expires_after[anchor]', 'created_at') +
    field('expires_after[seconds]', String(FILE_LIFE_S)) +
    `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="${id}.jsonl"\r\n` +
    'content-type: application/jsonl\r\n\r\n';
  return Buffer.concat([Buffer.from(before), ...lines, Buffer.from(`\r\n--${BOUNDARY}--\r\n`)]);
}

function readBatch(batch: Json | null): ProviderBatch | null {
  const [id, status] = [asText(batch?.id), asText(batch?.status)];
  if (batch === null || id === null || status === null) return null;
  const createdAt = asCount(batch.created_at);
  const total = asCount(asObject(batch.request_counts)?.total);
  return {
    id,
    chunkId: asText(asObject(batch.metadata)?.[CHUNK_KEY]),
    hasEnded: ENDED.has(status),
    createdAtMs: createdAt === null ? null : createdAt * 1_000,
    // Nothing is counted before it is validated.
    lines: total === 0 ? null : total,
    fault: status === 'failed' ? describeFaults(batch) : null,
    inputFile: asText(batch.input_file_id),
    resultFiles: [asText(batch.output_file_id), asText(batch.error_file_id)].filter((file) => file !== null),
  };
}

function describeFaults(batch: Json): string {
  const [first] = asList(asObject(batch.errors)?.data).map(asObject);
  return [asText(first?.code), asText(first?.message)].filter((text) => text !== null).join(': ') || 'failed';
}

/** Failure is read from the status: `error` is null even then (openai/openai-openapi#302). */
function readResult(line: Buffer): ProviderLine[] {
  const result = asObject(parseJson(line));
  const id = asText(result?.custom_id);
  if (id === null) return [];
  const response = asObject(result!.response);
  const status = asCount(response?.status_code);
  if (response === null || status === null) return [{ kind: 'not-run', id }];
  const body = memberBytes(memberBytes(line, 'response')!, 'body') ?? Buffer.from('null');
  return [{ kind: 'answered', id, status, body }];
}
