// Shortcuts through the codecs, for the tests in this folder.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import type { InferenceRequest } from '#src/contracts/inference-request.ts';
import { formatUsd } from '#src/contracts/money.ts';
import type { EncodeContext, EncodedRequest, JsonObject, Refusal } from '#src/protocols/codec.ts';
import { geminiClient, geminiProvider } from '#src/protocols/gemini-generate-content/protocol.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

export const client = geminiClient.codec!;
export const vendor = geminiProvider.codec!;

export const relayContext: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: (usage) => ({
    cost: formatUsd(usage.reportedCost ?? BigInt(usage.inputTokens + usage.outputTokens) * 1_000_000n),
    charge: '0.0001',
  }),
};

export const encodeContext: EncodeContext = {
  requestId: 'req_abc',
  createdAt: 1,
  clientBody: {},
  usageDelivery: 'own-event',
};

export const event = (chunk: unknown) => `data: ${JSON.stringify(chunk)}\r\n\r\n`;

export const textChunk = (text: string, more: JsonObject = {}) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
});

/** Events of a stream that was cut into pieces of `size` bytes. */
export function decodeStream(text: string, size = Number.MAX_SAFE_INTEGER): AnswerEvent[] {
  const decoder = vendor.openDecoder({ requestId: 'req_abc' });
  const splitter = new SseSplitter();
  const bytes = Buffer.from(text);
  const events: AnswerEvent[] = [];
  for (let at = 0; at < bytes.length; at += size) {
    for (const sse of splitter.push(bytes.subarray(at, at + size))) events.push(...decoder.decode(sse));
  }
  return [...events, ...decoder.close()];
}

export const request = (members: Partial<InferenceRequest> = {}): InferenceRequest => ({
  turns: [{ role: 'user', parts: [{ kind: 'text', text: 'Hello' }] }],
  tools: [],
  sampling: {},
  unmapped: {},
  ...members,
});

export function encode(
  members: Partial<InferenceRequest>,
  upstreamModel = 'gemini-3-flash-preview',
): EncodedRequest | Refusal {
  return vendor.encodeRequest(request(members), { upstreamModel, isStream: false, canReportStreamUsage: true });
}

/** Throws where the request is refused. */
export function encodedBody(members: Partial<InferenceRequest>, upstreamModel?: string): JsonObject {
  const encoded = encode(members, upstreamModel);
  if (encoded.kind === 'refusal') throw new Error(encoded.reason);
  return encoded.body;
}

export const config = (members: Partial<InferenceRequest>, upstreamModel?: string) =>
  encodedBody(members, upstreamModel).generationConfig as JsonObject | undefined;

/** Throws where the request is refused. */
export function decoded(body: JsonObject): InferenceRequest {
  const result = client.decodeRequest({ contents: [{ role: 'user', parts: [{ text: 'Hello' }] }], ...body });
  if ('code' in result) throw new Error(result.message);
  return result;
}
