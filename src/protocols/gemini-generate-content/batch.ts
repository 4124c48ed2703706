// Gemini's batch mode with inline requests (Developer API). Wire facts:
// docs/reference/gemini-generate-content.md section 9.
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
  parseCarriedBytes,
} from '../batch-protocol.ts';

const PAGE = 100;
const UNFINISHED = new Set(['BATCH_STATE_PENDING', 'BATCH_STATE_RUNNING', 'BATCH_STATE_UNSPECIFIED']);

export const geminiGenerateContentBatch: BatchProtocol = {
  upstream: 'gemini-generate-content',
  // 20 MB of inline requests. All answers come in one JSON text, which has to fit into memory: hence the count.
  limits: { lines: 1_000, bytes: 19 * 1_000_000 },
  showsChunkId: true,
  encodeLine: (id, body) =>
    Buffer.concat([Buffer.from('{"request":'), body, Buffer.from(`,"metadata":{"key":${JSON.stringify(id)}}}`)]),
  upload: null,
  readUpload: () => null,
  create: ({ id, upstreamModel, lines }) => ({
    method: 'POST',
    path: `/v1beta/models/${encodeURIComponent(upstreamModel)}:batchGenerateContent`,
    contentType: 'application/json',
    body: joinItems(
      `{"batch":{"displayName":${JSON.stringify(id)},"inputConfig":{"requests":{"requests":[`,
      lines,
      ']}}}}',
    ),
  }),
  retrieve: (id) => ({ method: 'GET', path: `/v1beta/${id}` }),
  cancel: (id) => ({ method: 'POST', path: `/v1beta/${id}:cancel` }),
  list: (token) => ({
    method: 'GET',
    path: `/v1beta/batches?pageSize=${PAGE}${token === null ? '' : `&pageToken=${encodeURIComponent(token)}`}`,
  }),
  readBatch: (body) => readOperation(asObject(body)),
  readList(body) {
    const list = asObject(body);
    const batches = asList(list?.operations).flatMap((item) => readOperation(asObject(item)) ?? []);
    return { batches, next: asText(list?.nextPageToken) || null };
  },
  results: ({ id }) => [{ method: 'GET', path: `/v1beta/${id}` }],
  resultFormat: 'whole',
  readResults: (json) => readResponses(asObject(parseCarriedBytes(json))),
  remove: ({ id }) => [{ method: 'DELETE', path: `/v1beta/${id}` }],
};

function readOperation(operation: Json | null): ProviderBatch | null {
  const [id, metadata] = [asText(operation?.name), asObject(operation?.metadata)];
  if (operation === null || id === null || metadata === null) return null;
  const state = asText(metadata.state);
  return {
    id,
    chunkId: asText(metadata.displayName),
    hasEnded: operation.done === true || (state !== null && !UNFINISHED.has(state)),
    createdAtMs: asTime(metadata.createTime),
    lines: asCount(asObject(metadata.batchStats)?.requestCount),
    fault: state === 'BATCH_STATE_FAILED' ? (asText(asObject(operation.error)?.message) ?? 'failed') : null,
    inputFile: null,
    resultFiles: [],
  };
}

/** The responses are in the metadata, in the response, or in both (docs/reference/gemini-generate-content.md section 9). */
function readResponses(operation: Json | null): ProviderLine[] {
  const output = asObject(asObject(operation?.metadata)?.output) ?? asObject(operation?.response);
  const inlined = output?.inlinedResponses;
  const items = Array.isArray(inlined) ? inlined : asList(asObject(inlined)?.inlinedResponses);
  return items.flatMap((item) => readResponse(asObject(item)));
}

/** HTTP status and name of each google.rpc.Code, as an ordinary call has them. */
const RPC: Readonly<Record<number, readonly [status: number, name: string]>> = {
  1: [499, 'CANCELLED'],
  3: [400, 'INVALID_ARGUMENT'],
  4: [504, 'DEADLINE_EXCEEDED'],
  5: [404, 'NOT_FOUND'],
  7: [403, 'PERMISSION_DENIED'],
  8: [429, 'RESOURCE_EXHAUSTED'],
  9: [400, 'FAILED_PRECONDITION'],
  10: [409, 'ABORTED'],
  11: [400, 'OUT_OF_RANGE'],
  12: [501, 'UNIMPLEMENTED'],
  13: [500, 'INTERNAL'],
  14: [503, 'UNAVAILABLE'],
  16: [401, 'UNAUTHENTICATED'],
};
const CANCELLED = 1;

function readResponse(item: Json | null): ProviderLine[] {
  const id = asText(asObject(item?.metadata)?.key);
  if (item === null || id === null) return [];
  const [response, error] = [asObject(item.response), asObject(item.error)];
  if (response !== null) return [{ kind: 'answered', id, status: 200, body: Buffer.from(JSON.stringify(response)) }];
  const code = asCount(error?.code);
  if (code === CANCELLED || error === null) return [{ kind: 'not-run', id }];
  const [status, name] = RPC[code ?? 13] ?? RPC[13]!;
  const body = Buffer.from(JSON.stringify({ error: { ...error, code: status, status: name } }));
  return [{ kind: 'answered', id, status, body }];
}
