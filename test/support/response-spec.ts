// The specification of a request of the Responses API, as its parts are tested with.
import { createRequestId } from '#src/contracts/ids.ts';
import { CONTRACT_VERSION, type RequestSpec } from '#src/contracts/request-record.ts';
import type { ResponseKeeping } from '#src/contracts/response-keeping.ts';

export const KEEPING: ResponseKeeping = {
  keepMs: 3_600_000,
  isBackground: false,
  previousResponseId: null,
  conversationId: null,
  recalledItems: 0,
  afterwardsMs: 60_000,
};

export function responseSpec(keeping: Partial<ResponseKeeping> = {}, change: Partial<RequestSpec> = {}): RequestSpec {
  const acceptedAtMs = 1_795_000_000_500;
  return {
    version: CONTRACT_VERSION,
    requestId: createRequestId(1),
    keyId: 'key_1',
    keyScope: null,
    budgetHold: null,
    protocol: 'openai-responses',
    model: 'm',
    lane: 'interactive',
    isStream: true,
    usageDelivery: 'own-event',
    forwardedHeaders: {},
    choices: 1,
    plan: { steps: [] },
    acceptedAtMs,
    deadlineAtMs: acceptedAtMs + 60_000,
    inbox: 'api_test',
    lifetime: 'client',
    retentionMs: 60_000,
    estimatedInputTokens: 1,
    estimatedOutputTokens: 1,
    response: { ...KEEPING, ...keeping },
    ...change,
  };
}

/** Events as a stream writes them, numbered from `first`. */
export function writeEvents(events: readonly Record<string, unknown>[], first = 0): Buffer {
  const lines = events.map((event, index) => {
    const data = JSON.stringify({ ...event, sequence_number: first + index });
    return `event: ${event.type}\ndata: ${data}\n\n`;
  });
  return Buffer.from(lines.join(''));
}

const message = (text: string, status: string) => ({
  type: 'message',
  id: 'msg_1',
  role: 'assistant',
  status,
  content: [{ type: 'output_text', text, annotations: [] }],
});

/** A complete answer with the text "Hello there". */
export function helloEvents(id = 'resp_provider') {
  const at = { item_id: 'msg_1', output_index: 0, content_index: 0 };
  const response = { id, object: 'response', status: 'in_progress', output: [], model: 'provider-model' };
  const done = { ...response, status: 'completed', output: [message('Hello there', 'completed')] };
  return [
    { type: 'response.created', response },
    { type: 'response.in_progress', response },
    { type: 'response.output_item.added', output_index: 0, item: { ...message('', 'in_progress'), content: [] } },
    { type: 'response.content_part.added', ...at, part: { type: 'output_text', text: '', annotations: [] } },
    { type: 'response.output_text.delta', ...at, delta: 'Hello ' },
    { type: 'response.output_text.delta', ...at, delta: 'there' },
    { type: 'response.output_text.done', ...at, text: 'Hello there' },
    { type: 'response.output_item.done', output_index: 0, item: message('Hello there', 'completed') },
    { type: 'response.completed', response: done, cost: 0.1 },
  ];
}
