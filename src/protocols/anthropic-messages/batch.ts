// Anthropic's Message Batches. Wire facts: docs/reference/anthropic-messages.md section 8.
import {
  asCount,
  asList,
  asObject,
  asText,
  asTime,
  type BatchProtocol,
  type Json,
  joinItems,
  type ProviderBatch,
  type ProviderLine,
  parseJson,
} from '../batch-protocol.ts';
import { memberBytes } from '../wire/json-object.ts';

const PATH = '/v1/messages/batches';
const PAGE = 100;

export const anthropicMessagesBatch: BatchProtocol = {
  upstream: 'anthropic-messages',
  limits: { lines: 100_000, bytes: 255 * 1_000_000 },
  showsChunkId: false,
  encodeLine: (id, body) =>
    Buffer.concat([Buffer.from(`{"custom_id":${JSON.stringify(id)},"params":`), body, Buffer.from('}')]),
  upload: null,
  readUpload: () => null,
  create: ({ lines }) => ({
    method: 'POST',
    path: PATH,
    contentType: 'application/json',
    body: joinItems('{"requests":[', lines, ']}'),
  }),
  retrieve: (id) => ({ method: 'GET', path: `${PATH}/${id}` }),
  cancel: (id) => ({ method: 'POST', path: `${PATH}/${id}/cancel` }),
  list: (after) => ({ method: 'GET', path: `${PATH}?limit=${PAGE}${after === null ? '' : `&after_id=${after}`}` }),
  readBatch: (body) => readBatch(asObject(body)),
  readList(body) {
    const list = asObject(body);
    const batches = asList(list?.data).flatMap((item) => readBatch(asObject(item)) ?? []);
    return { batches, next: list?.has_more === true ? asText(list.last_id) : null };
  },
  results: ({ id }) => [{ method: 'GET', path: `${PATH}/${id}/results` }],
  resultFormat: 'lines',
  readResults: readResult,
  remove: ({ id }) => [{ method: 'DELETE', path: `${PATH}/${id}` }],
};

/** The protocol has no field for the broker's id: a batch is recognised by its size, its time and the ids in its results. */
function readBatch(batch: Json | null): ProviderBatch | null {
  const id = asText(batch?.id);
  if (batch === null || id === null || batch.type !== 'message_batch') return null;
  const counts = Object.values(asObject(batch.request_counts) ?? {}).map(asCount);
  return {
    id,
    chunkId: null,
    hasEnded: batch.processing_status === 'ended',
    createdAtMs: asTime(batch.created_at),
    lines: counts.reduce<number>((sum, count) => sum + (count ?? 0), 0),
    fault: null,
    inputFile: null,
    resultFiles: [],
  };
}

/** HTTP status of each error type, as in an ordinary call (docs/reference/anthropic-messages.md section 5). */
const STATUS_OF_TYPE: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  timeout_error: 504,
  overloaded_error: 529,
};

function readResult(line: Buffer): ProviderLine[] {
  const item = asObject(parseJson(line));
  const [id, result] = [asText(item?.custom_id), asObject(item?.result)];
  if (id === null || result === null) return [];
  const bytes = memberBytes(line, 'result')!;
  if (result.type === 'succeeded') return [{ kind: 'answered', id, status: 200, body: memberBytes(bytes, 'message')! }];
  if (result.type !== 'errored') return [{ kind: 'not-run', id }];
  const type = asText(asObject(asObject(result.error)?.error)?.type) ?? '';
  return [{ kind: 'answered', id, status: STATUS_OF_TYPE[type] ?? 500, body: memberBytes(bytes, 'error')! }];
}
