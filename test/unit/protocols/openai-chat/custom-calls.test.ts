// A free-text tool of the client at a provider that has no such tools: the provider gets a function whose only argument is
// the text, and the client sees its own tool.
import { expect, test } from 'vitest';
import type { Answer } from '#src/contracts/answer.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import type { EncodeContext } from '#src/protocols/codec.ts';
import { chatClientCodec } from '#src/protocols/openai-chat/protocol.ts';
import { CUSTOM_CALL, CUSTOM_TOOL } from '#test/fixtures/protocols/fixtures.ts';
import { eventsOf } from './streams.ts';

const shown = { cost: '0', charge: '0' };
const tools = [
  { type: 'function', function: { name: 'other' } },
  { type: 'custom', custom: CUSTOM_TOOL },
];
const context: EncodeContext = {
  requestId: 'req_abc',
  createdAt: 5,
  clientBody: { model: 'm', tools },
  usageDelivery: 'none',
};
const call = (name: string, given: string) => ({
  kind: 'tool-call' as const,
  id: CUSTOM_CALL.id,
  name,
  arguments: given,
});
const wrapped = JSON.stringify({ input: CUSTOM_CALL.input });

function callsOf(...parts: ReturnType<typeof call>[]) {
  const answer: Answer = {
    id: 'x',
    model: 'm',
    usage: null,
    choices: [{ index: 0, parts, finishReason: 'tool-calls' }],
  };
  return JSON.parse(chatClientCodec.encodeAnswer(answer, NO_USAGE, shown, context)).choices[0].message.tool_calls;
}

function deltasOf(name: string, pieces: string[]) {
  const encoder = chatClientCodec.openEncoder(context);
  const at = { choice: 0, part: 0 };
  const text = [
    encoder.encode({ kind: 'part-start', ...at, start: { kind: 'tool-call', id: CUSTOM_CALL.id, name } }),
    ...pieces.map((delta) => encoder.encode({ kind: 'part-delta', ...at, delta })),
    encoder.encode({ kind: 'part-end', ...at }),
  ].join('');
  return [...eventsOf(text)].flatMap(({ data }) => JSON.parse(data!).choices[0].delta.tool_calls ?? []);
}

test('whole', () => {
  const custom = { name: CUSTOM_TOOL.name, input: CUSTOM_CALL.input };
  expect(callsOf(call(CUSTOM_TOOL.name, wrapped))).toEqual([{ id: CUSTOM_CALL.id, type: 'custom', custom }]);
  expect(callsOf(call('other', '{}'))).toMatchObject([{ type: 'function', function: { arguments: '{}' } }]);
});

test('streamed: the text is extracted from the complete arguments', () => {
  expect(deltasOf(CUSTOM_TOOL.name, [wrapped.slice(0, 9), wrapped.slice(9)])).toEqual([
    { index: 0, id: CUSTOM_CALL.id, type: 'custom', custom: { name: CUSTOM_TOOL.name, input: '' } },
    { index: 0, custom: { input: CUSTOM_CALL.input } },
  ]);
});

test('other arguments are passed on unchanged', () => {
  expect(callsOf(call(CUSTOM_TOOL.name, 'print(1)'))[0].custom.input).toBe('print(1)');
});
