import { describe, expect, test } from 'vitest';
import { relayChatBody } from '#src/protocols/openai-chat/answer/relay-body.ts';
import type { ChatToolCall } from '#src/protocols/openai-chat/chunk.ts';
import { ChatStreamRelay } from '#src/protocols/openai-chat/stream/relay-stream.ts';
import { chunk, DONE, delta, eventsOf, relayAll, relayContext, usage, usageChunk } from './streams.ts';

const relay = (text: string) => relayAll(new ChatStreamRelay(relayContext), text).bytes;
const thinking = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }], closed: true });

/** What an OpenAI client makes of the calls: those of one index belong together. */
function callsIn(bytes: string) {
  const calls: { id?: string; type?: string; name: string; arguments: string }[] = [];
  for (const { data } of eventsOf(bytes)) {
    if (data === null || data === '[DONE]') continue;
    const deltas = (JSON.parse(data).choices[0]?.delta.tool_calls ?? []) as ChatToolCall[];
    for (const { index, id, type, function: called } of deltas) {
      const at = index as number;
      calls[at] ??= { name: '', arguments: '' };
      if (id !== undefined) calls[at].id = id as string;
      if (type !== undefined) calls[at].type = type as string;
      calls[at].name ||= (called?.name as string) ?? '';
      calls[at].arguments += (called?.arguments as string) ?? '';
    }
  }
  return calls;
}

const callDelta = (...calls: object[]) => delta({ tool_calls: calls });

describe('a stream that an OpenAI client could not read', () => {
  test('gets Mistral’s list of thoughts and texts as the two members that clients know', () => {
    const stream =
      delta({ content: [thinking('Let me'), { type: 'text', text: '14' }] }) + delta({ content: '4' }, 'stop');
    expect(
      relay(stream + usageChunk + DONE).startsWith(
        delta({ content: '14', reasoning_content: 'Let me' }) + delta({ content: '4' }, 'stop'),
      ),
    ).toBe(true);
  });

  test('gets a constant id for a call without one', () => {
    const stream =
      callDelta({ index: 0, id: '', type: 'function', function: { name: 'f', arguments: '' } }) +
      callDelta({ index: 0, function: { arguments: '{}' } });
    const [call] = callsIn(relay(stream + delta({}, 'tool_calls') + DONE));
    expect(call).toMatchObject({ id: expect.stringMatching(/^call_[0-9a-f]{24}$/), name: 'f', arguments: '{}' });
  });

  test('separates calls that share an index but have different ids', () => {
    const stream =
      callDelta({ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '{"x":1}' } }) +
      callDelta({ index: 0, id: 'b', type: 'function', function: { name: 'f', arguments: '{"x":2}' } });
    expect(callsIn(relay(stream + DONE))).toEqual([
      { id: 'a', type: 'function', name: 'f', arguments: '{"x":1}' },
      { id: 'b', type: 'function', name: 'f', arguments: '{"x":2}' },
    ]);
  });

  test('separates complete calls that have neither index nor id', () => {
    const stream = callDelta(
      { function: { name: 'f', arguments: '{"x":1}' } },
      { function: { name: 'f', arguments: { x: 2 } } },
      { function: { name: 'g' } },
    );
    const calls = callsIn(relay(stream + DONE));
    expect(calls.map(({ name, arguments: text }) => [name, text])).toEqual([
      ['f', '{"x":1}'],
      ['f', '{"x":2}'],
      ['g', ''],
    ]);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(3);
    expect(calls.every(({ type }) => type === 'function')).toBe(true);
  });

  test('keeps the id of a call from start to end', () => {
    const stream =
      callDelta({ index: 0, function: { name: 'f', arguments: '{' } }) +
      callDelta({ index: 0, id: 'late', function: { arguments: '}' } });
    const bytes = relay(stream + DONE);
    expect(callsIn(bytes)).toHaveLength(1);
    expect(bytes).not.toContain('late');
  });

  test('is unchanged, byte for byte, if a client can read it', () => {
    const strange =
      'data: {"id":"c","x":1e400,"choices":[{"index":0,"delta":{"tool_calls":[{"index":1, "id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]},"y":12345678901234567890}]}\n\n';
    const later = callDelta({ index: 1, function: { name: '', arguments: ' ' } });
    expect(relay(strange + later + delta({}, 'tool_calls') + DONE).startsWith(strange + later)).toBe(true);
  });

  test('marks an error whose event has no `error` member', () => {
    const { failure } = relayAll(
      new ChatStreamRelay(relayContext),
      'event: error\ndata: {"message":"Overloaded","type":"server_error"}\n\n',
    );
    expect(failure?.code).toBe('upstream_overloaded');
  });

  test('counts usage that Groq reports unrequested', () => {
    const stream = new ChatStreamRelay(relayContext);
    const { bytes } = relayAll(
      stream,
      delta({ content: 'Hi' }, 'stop') + chunk({ choices: [], x_groq: { usage } }) + DONE,
    );
    expect(stream.usage()).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: false });
    expect(bytes).toContain('"prompt_tokens":8,"completion_tokens":2,"total_tokens":10');
  });
});

describe('a whole answer that an OpenAI client could not read', () => {
  const body = (message: object, more: object = {}) =>
    Buffer.from(JSON.stringify({ id: 'c', choices: [{ index: 0, message, finish_reason: 'stop' }], usage, ...more }));
  const messageOf = (message: object) =>
    JSON.parse(relayChatBody(body(message), relayContext).body.toString()).choices[0].message;

  test('gets text if Mistral has a list', () => {
    expect(messageOf({ role: 'assistant', content: [thinking('Easy.'), { type: 'text', text: '4' }] })).toEqual({
      role: 'assistant',
      content: '4',
      reasoning_content: 'Easy.',
    });
  });

  test('gets ids, types and arguments as text', () => {
    const { tool_calls: calls } = messageOf({
      content: null,
      tool_calls: [
        { id: '', type: 'function', function: { name: 'f', arguments: '{}' } },
        { function: { name: 'f', arguments: { a: 1 } } },
      ],
    });
    expect(calls).toEqual([
      { id: expect.stringMatching(/^call_/), type: 'function', function: { name: 'f', arguments: '{}' } },
      { id: expect.stringMatching(/^call_/), type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
    ]);
    expect(calls[0].id).not.toBe(calls[1].id);
  });
});
