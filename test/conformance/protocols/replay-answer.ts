// The next request of a conversation, as a client's SDK builds it: the answer is sent back unchanged, with results for its
// calls.
import type { JsonObject } from '#src/protocols/codec.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { FOLLOW_UP } from '#test/fixtures/protocols/fixtures.ts';
import { FIXTURES, type ProviderName } from './protocols.ts';

const RESULT = 'Sunny';

/** `answer`: a whole answer in the client's format. */
export function replayWhole(client: ProviderName, answer: JsonObject): JsonObject {
  switch (client) {
    case 'openai-chat':
      return nextChat((answer.choices as JsonObject[])[0]!.message as JsonObject);
    case 'openai-responses':
      return nextResponses(answer.output as JsonObject[]);
    case 'anthropic-messages':
      return nextMessages(answer.content as JsonObject[]);
    case 'gemini-generate-content':
      return nextContents([(answer.candidates as JsonObject[])[0]!.content as JsonObject]);
  }
}

/** `text`: a stream in the client's format, put together as the official SDKs do. */
export function replayStream(client: ProviderName, text: string): JsonObject {
  const events = new SseSplitter()
    .push(Buffer.from(text))
    .flatMap(({ data }) => (data === null || data === '[DONE]' ? [] : [JSON.parse(data) as JsonObject]));
  switch (client) {
    case 'openai-chat':
      return nextChat(gatherMessage(events));
    case 'openai-responses':
      return nextResponses((events.at(-1)!.response as JsonObject).output as JsonObject[]);
    case 'anthropic-messages':
      return nextMessages(gatherBlocks(events));
    case 'gemini-generate-content':
      // The SDK's chat keeps a content for every chunk.
      return nextContents(events.map((chunk) => (chunk.candidates as JsonObject[])[0]!.content as JsonObject));
  }
}

function gatherMessage(events: readonly JsonObject[]): JsonObject {
  const message: JsonObject = { role: 'assistant', content: '' };
  const calls: JsonObject[] = [];
  const lists: Record<string, unknown[]> = {};
  for (const { delta } of events.flatMap((event) => event.choices as { delta: JsonObject }[])) {
    if (typeof delta.content === 'string') message.content += delta.content;
    for (const call of (delta.tool_calls ?? []) as JsonObject[]) gatherCall(calls, call);
    for (const name of ['reasoning_details', 'images']) {
      if (Array.isArray(delta[name])) lists[name] = [...(lists[name] ?? []), ...delta[name]];
    }
    if (delta.extra_content !== undefined) message.extra_content = delta.extra_content;
  }
  return { ...message, ...lists, ...(calls.length > 0 ? { tool_calls: calls } : {}) };
}

function gatherCall(calls: JsonObject[], { index, ...delta }: JsonObject): void {
  const known = calls[index as number];
  if (known === undefined) {
    calls[index as number] = structuredClone(delta);
    return;
  }
  const [given, more] = [known.function as JsonObject, delta.function as JsonObject | undefined];
  if (more !== undefined) given.arguments += more.arguments as string;
  if (delta.extra_content !== undefined) known.extra_content = delta.extra_content;
}

function gatherBlocks(events: readonly JsonObject[]): JsonObject[] {
  const blocks: JsonObject[] = [];
  let json = '';
  for (const { type, index, content_block: block, delta } of events as unknown as MessageEvent[]) {
    if (type === 'content_block_start') {
      blocks[index] = { ...block };
      json = '';
    }
    if (type === 'content_block_delta') {
      const current = blocks[index]!;
      if (delta.type === 'text_delta') current.text += delta.text as string;
      if (delta.type === 'thinking_delta') current.thinking += delta.thinking as string;
      if (delta.type === 'signature_delta') current.signature = delta.signature;
      if (delta.type === 'input_json_delta') json += delta.partial_json as string;
    }
    if (type === 'content_block_stop' && json !== '') blocks[index]!.input = JSON.parse(json);
  }
  return blocks;
}

interface MessageEvent {
  type: string;
  index: number;
  content_block: JsonObject;
  delta: JsonObject;
}

function nextChat(message: JsonObject): JsonObject {
  const { messages, ...body } = FIXTURES['openai-chat'].requests.tools!;
  const calls = (message.tool_calls ?? []) as JsonObject[];
  const results = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: RESULT }));
  const next = { role: 'user', content: FOLLOW_UP };
  return { ...body, messages: [...(messages as unknown[]), message, ...results, next] };
}

function nextResponses(output: readonly JsonObject[]): JsonObject {
  const { input, ...body } = FIXTURES['openai-responses'].requests.tools!;
  const calls = output.filter(({ type }) => type === 'function_call');
  const results = calls.map((call) => ({ type: 'function_call_output', call_id: call.call_id, output: RESULT }));
  const asked = { role: 'user', content: input };
  return { ...body, input: [asked, ...output, ...results, { role: 'user', content: FOLLOW_UP }] };
}

function nextMessages(content: readonly JsonObject[]): JsonObject {
  const { messages, ...body } = FIXTURES['anthropic-messages'].requests.tools!;
  const calls = content.filter(({ type }) => type === 'tool_use');
  const results = calls.map(({ id }) => ({ type: 'tool_result', tool_use_id: id, content: RESULT }));
  const next = { role: 'user', content: [...results, { type: 'text', text: FOLLOW_UP }] };
  return { ...body, messages: [...(messages as unknown[]), { role: 'assistant', content }, next] };
}

function nextContents(answered: readonly JsonObject[]): JsonObject {
  const { contents, ...body } = FIXTURES['gemini-generate-content'].requests.tools!;
  const calls = answered
    .flatMap(({ parts }) => parts as JsonObject[])
    .flatMap((part) => (part.functionCall === undefined ? [] : [part.functionCall as JsonObject]));
  const results = calls.map(({ id, name }) => ({ functionResponse: { id, name, response: { output: RESULT } } }));
  const next = { role: 'user', parts: [...results, { text: FOLLOW_UP }] };
  return { ...body, contents: [...(contents as unknown[]), ...answered, next] };
}
