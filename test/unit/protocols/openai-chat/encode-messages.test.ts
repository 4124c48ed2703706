import { expect, test } from 'vitest';
import type { Part, Turn } from '#src/contracts/inference-request.ts';
import { traitsOf } from '#src/protocols/openai/models.ts';
import { encodeMessages } from '#src/protocols/openai-chat/request/encode-messages.ts';

const encode = (turns: Turn[], model = 'llama-3') =>
  encodeMessages(turns, traitsOf(model), { provider: 'p', model: 'm' });
const text = (words: string): Part => ({ kind: 'text', text: words });
const call = (id: string): Part => ({ kind: 'tool-call', id, name: 'f', arguments: '{}' });
const wireCall = (id: string) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } });
const image: Part = { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' }, detail: 'low' };
const wireImage = { type: 'image_url', image_url: { url: 'data:image/png;base64,AA', detail: 'low' } };

test('system and developer become system messages, with one text each', () => {
  expect(
    encode([
      { role: 'system', parts: [text('a'), text('b')] },
      { role: 'developer', parts: [text('c')] },
    ]),
  ).toEqual([
    { role: 'system', content: 'a\n\nb' },
    { role: 'system', content: 'c' },
  ]);
});

test('a single text of the user is a string, several are parts', () => {
  const parts: Part[] = [
    text('a'),
    image,
    { kind: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JV' }, filename: 'a.pdf' },
    { kind: 'document', source: { kind: 'text', text: 'plain' } },
    { kind: 'document', source: { kind: 'base64', mediaType: 'text/csv', data: 'YSxi' } },
    { kind: 'document', source: { kind: 'file-id', id: 'file-1' } },
    { kind: 'audio', format: 'wav', data: 'AA' },
  ];
  expect(
    encode([
      { role: 'user', parts: [text('a')], name: 'ann' },
      { role: 'user', parts },
    ]),
  ).toEqual([
    { role: 'user', content: 'a', name: 'ann' },
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        wireImage,
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JV' } },
        { type: 'text', text: 'plain' },
        { type: 'text', text: 'a,b' },
        { type: 'file', file: { file_id: 'file-1' } },
        { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
      ],
    },
  ]);
});

test('an assistant’s turn is one message: joined texts, no thoughts, calls', () => {
  const parts: Part[] = [
    { kind: 'reasoning', text: 'Hm' },
    text('a'),
    text('b'),
    { kind: 'refusal', text: 'c' },
    call('1'),
  ];
  expect(encode([{ role: 'assistant', parts }])).toEqual([
    { role: 'assistant', content: 'abc', tool_calls: [wireCall('1')] },
  ]);
  expect(encode([{ role: 'assistant', parts: [{ kind: 'reasoning', text: 'Hm' }] }])).toEqual([]);
});

test('calls from separate turns are one message, directly followed by all results', () => {
  const turns: Turn[] = [
    { role: 'assistant', parts: [call('1')] },
    { role: 'assistant', parts: [call('2')] },
    { role: 'user', parts: [{ kind: 'tool-result', callId: '1', parts: [{ kind: 'text', text: 'A' }] }] },
    { role: 'user', parts: [{ kind: 'tool-result', callId: '2', parts: [{ kind: 'text', text: 'B' }] }, text('and?')] },
  ];
  expect(encode(turns)).toEqual([
    { role: 'assistant', content: null, tool_calls: [wireCall('1'), wireCall('2')] },
    { role: 'tool', tool_call_id: '1', content: 'A' },
    { role: 'tool', tool_call_id: '2', content: 'B' },
    { role: 'user', content: 'and?' },
  ]);
});

test('images of a result move to a user message after all results', () => {
  const turns: Turn[] = [
    { role: 'assistant', parts: [call('1'), call('2')] },
    {
      role: 'user',
      parts: [
        { kind: 'tool-result', callId: '1', parts: [image] } as Part,
        { kind: 'tool-result', callId: '2', parts: [{ kind: 'text', text: 'B' }] },
      ],
    },
  ];
  expect(encode(turns).slice(1)).toEqual([
    { role: 'tool', tool_call_id: '1', content: 'The result follows in the next message.' },
    { role: 'tool', tool_call_id: '2', content: 'B' },
    { role: 'user', content: [{ type: 'text', text: 'Result of tool call 1:' }, wireImage] },
  ]);
});

test('images by an assistant move to the next user message', () => {
  const turns: Turn[] = [
    { role: 'assistant', parts: [text('Here.'), image] },
    { role: 'user', parts: [text('Bluer.')] },
  ];
  expect(encode(turns)).toEqual([
    { role: 'assistant', content: 'Here.' },
    {
      role: 'user',
      content: [{ type: 'text', text: 'Made by the assistant:' }, wireImage, { type: 'text', text: 'Bluer.' }],
    },
  ]);
});

test('a call has valid JSON arguments; a custom one has its input', () => {
  const turns: Turn[] = [
    {
      role: 'assistant',
      parts: [
        { kind: 'tool-call', id: '1', name: 'f', arguments: '' },
        { kind: 'tool-call', id: '2', name: 'c', arguments: 'ls', isCustom: true },
      ],
    },
  ];
  expect(encode(turns)[0]!.tool_calls).toMatchObject([
    { function: { arguments: '{}' } },
    { function: { name: 'c', arguments: '{"input":"ls"}' } },
  ]);
  expect(encode(turns, 'gpt-5')[0]!.tool_calls).toMatchObject([
    {},
    { type: 'custom', custom: { name: 'c', input: 'ls' } },
  ]);
});

test('Gemini’s signature is sent only to Gemini', () => {
  const signed: Part = { ...call('1'), signature: { origin: 'gemini-generate-content', value: 'Cp' } } as Part;
  const [google] = encode([{ role: 'assistant', parts: [signed] }], 'google/gemini-3-pro')[0]!.tool_calls as object[];
  expect(google).toEqual({ ...wireCall('1'), extra_content: { google: { thought_signature: 'Cp' } } });
  expect(encode([{ role: 'assistant', parts: [signed] }])[0]!.tool_calls).toEqual([wireCall('1')]);
});
