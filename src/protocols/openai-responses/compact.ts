// POST /v1/responses/compact: shortens a conversation so that it can continue. OpenAI's API does this itself, in a form that only
// OpenAI can read; models of other protocols are asked for a summary, which any model can use.
import { isFailure } from '../../contracts/failure.ts';
import type { JsonObject } from '../codec.ts';
import { idFor } from '../codec.ts';
import type { ClientEndpoint, ClientProtocol } from '../protocol.ts';
import { editObject } from '../wire/json-object.ts';
import { isObject, objectsOf, textOf } from '../wire/loose-json.ts';
import { encodeResponsesAnswer } from './answer/encode-answer.ts';
import { openaiResponsesClient } from './protocol.ts';
import { buildResponsesBody } from './request/build-body.ts';
import { decodeResponsesRequest } from './request/decode-request.ts';
import { readResponsesRequest } from './request/read-request.ts';

/** Members of a request for a response that a compaction does not have (npm openai 7.55.0, `ResponseCompactParams`). */
const NOT_COMPACTED = ['stream', 'store', 'background', 'include', 'stream_options'] as const;

const ASK_FOR_SUMMARY =
  'Summarize this conversation for a model that will go on with it and sees nothing of it but your summary and what the ' +
  'user wrote: what is wanted, what was decided and why, what was done (files, commands, results), what is still open, ' +
  'and facts that will be needed. Answer with the summary alone.';

export const openaiCompactClient: ClientProtocol = {
  ...openaiResponsesClient,
  name: 'openai-responses-compact',
  readRequest(body) {
    const facts = readResponsesRequest(body);
    if (isFailure(facts)) return facts;
    // The client keeps the result.
    const memory = facts.memory && { ...facts.memory, store: false, isBackground: false };
    return { ...facts, isStream: false, ...(memory === undefined ? {} : { memory }) };
  },
  passThrough: {
    ...openaiResponsesClient.passThrough,
    operation: 'compact',
    buildBody: (input) => editObject(buildResponsesBody(input), { remove: NOT_COMPACTED }),
  },
  codec: {
    ...openaiResponsesClient.codec!,
    decodeRequest: (body) => decodeResponsesRequest(askForSummary(body)),
    encodeAnswer(answer, usage, shown, context) {
      const text = encodeResponsesAnswer(answer, usage, shown, context);
      return editObject(Buffer.from(text), { set: compaction(text, context.clientBody, context.requestId) }).toString();
    },
  },
};

export const openaiCompactEndpoint: ClientEndpoint = {
  method: 'POST',
  paths: ['/v1/responses/compact', '/v1/openai/responses/compact'],
  summary: 'Compacts a conversation with any configured model',
  errors: openaiCompactClient,
  select: () => openaiCompactClient,
};

/** Tools are kept, since their calls are in the conversation, but none may be called. */
function askForSummary({ text: _text, tool_choice: _choice, ...body }: JsonObject): JsonObject {
  const input = typeof body.input === 'string' ? [userMessage(body.input)] : objectsOf(body.input);
  const hasTools = Array.isArray(body.tools) && body.tools.length > 0;
  return {
    ...body,
    input: [...input, userMessage(ASK_FOR_SUMMARY)],
    ...(hasTools ? { tool_choice: 'none' } : {}),
  };
}

function userMessage(text: string): JsonObject {
  return { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
}

/** The user's messages, then the summary: in OpenAI's form, with a message in place of its encrypted item. */
function compaction(response: string, { input }: JsonObject, requestId: string): Map<string, string> {
  const items = typeof input === 'string' ? [userMessage(input)] : objectsOf(input);
  const said = items.filter(({ type, role }) => role === 'user' && (type ?? 'message') === 'message');
  const messages = said.map((item, at) => ({
    ...item,
    id: textOf(item.id) || `${idFor('msg_', requestId)}u${at}`,
    type: 'message',
    status: 'completed',
  }));
  const { output } = JSON.parse(response) as JsonObject;
  const summary = objectsOf(output).filter((item) => isObject(item) && item.type === 'message');
  return new Map([
    ['object', '"response.compaction"'],
    ['output', JSON.stringify([...messages, ...summary])],
  ]);
}
