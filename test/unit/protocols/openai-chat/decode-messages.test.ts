import { describe, expect, test } from 'vitest';
import type { Part } from '#src/contracts/inference-request.ts';
import { decodeMessages } from '#src/protocols/openai-chat/request/decode-messages.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';

const turns = (...messages: object[]) => decodeMessages(messages).turns;
const userParts = (...content: object[]) => turns({ role: 'user', content })[0]!.parts;
const call = (id: string, more: object = {}) => ({
  id,
  type: 'function',
  function: { name: `f_${id}`, arguments: '{}' },
  ...more,
});
const callPart = (id: string): Part => ({ kind: 'tool-call', id, name: `f_${id}`, arguments: '{}' });

describe('roles', () => {
  test('are kept, in order, with names', () => {
    expect(
      turns(
        { role: 'system', content: 's' },
        { role: 'developer', content: 'd' },
        { role: 'user', content: 'u', name: 'ann' },
      ),
    ).toEqual([
      { role: 'system', parts: [{ kind: 'text', text: 's' }] },
      { role: 'developer', parts: [{ kind: 'text', text: 'd' }] },
      { role: 'user', parts: [{ kind: 'text', text: 'u' }], name: 'ann' },
    ]);
  });

  test('of tools become the user’s; consecutive results are one turn and have the name of their tool', () => {
    const decoded = turns(
      { role: 'assistant', content: null, tool_calls: [call('a'), call('b')] },
      { role: 'tool', tool_call_id: 'a', content: 'A' },
      { role: 'tool', tool_call_id: 'b', content: [{ type: 'text', text: 'B' }] },
      { role: 'user', content: 'and?' },
    );
    expect(decoded).toEqual([
      { role: 'assistant', parts: [callPart('a'), callPart('b')] },
      {
        role: 'user',
        parts: [
          { kind: 'tool-result', callId: 'a', name: 'f_a', parts: [{ kind: 'text', text: 'A' }] },
          { kind: 'tool-result', callId: 'b', name: 'f_b', parts: [{ kind: 'text', text: 'B' }] },
        ],
      },
      { role: 'user', parts: [{ kind: 'text', text: 'and?' }] },
    ]);
  });

  test('of functions, in the older format, answer the call before them', () => {
    const [assistant, user] = turns(
      { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
      { role: 'function', name: 'f', content: 'A' },
    );
    const { id } = assistant!.parts[0] as { id: string };
    expect(id).not.toBe('');
    expect(user!.parts).toEqual([{ kind: 'tool-result', callId: id, name: 'f', parts: [{ kind: 'text', text: 'A' }] }]);
  });
});

describe('content', () => {
  test.each<[string, object, Part]>([
    ['text', { type: 'text', text: 'x' }, { kind: 'text', text: 'x' }],
    [
      'text that ends a cached prefix',
      { type: 'text', text: 'x', prompt_cache_breakpoint: { mode: 'explicit', ttl: '30m' } },
      { kind: 'text', text: 'x', cacheBreakpoint: { ttlSeconds: 1_800 } },
    ],
    [
      'the same in Anthropic’s words',
      { type: 'text', text: 'x', cache_control: { type: 'ephemeral' } },
      { kind: 'text', text: 'x', cacheBreakpoint: {} },
    ],
    [
      'a picture by its address',
      { type: 'image_url', image_url: { url: 'https://a.example/b.png', detail: 'low' } },
      { kind: 'image', source: { kind: 'url', url: 'https://a.example/b.png' }, detail: 'low' },
    ],
    [
      'a picture in a data URL',
      { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } },
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AAAA' } },
    ],
    [
      'a picture as a bare address',
      { type: 'image_url', image_url: 'https://a.example/b.png' },
      { kind: 'image', source: { kind: 'url', url: 'https://a.example/b.png' } },
    ],
    [
      'sound',
      { type: 'input_audio', input_audio: { data: 'AA', format: 'wav' } },
      { kind: 'audio', format: 'wav', data: 'AA' },
    ],
    [
      'a file',
      { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERi0=' } },
      {
        kind: 'document',
        source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' },
        filename: 'a.pdf',
      },
    ],
    [
      'a file as bare base64 (YouRouter)',
      { type: 'file', file: { filename: 'a.csv', file_data: 'YSxi' } },
      { kind: 'document', source: { kind: 'base64', mediaType: 'text/csv', data: 'YSxi' }, filename: 'a.csv' },
    ],
    [
      'a PDF that is named otherwise',
      { type: 'file', file: { filename: 'a', file_data: 'JVBERi0=' } },
      { kind: 'document', source: { kind: 'base64', mediaType: 'application/pdf', data: 'JVBERi0=' }, filename: 'a' },
    ],
    [
      'a file by its address (OpenRouter)',
      { type: 'file', file: { file_data: 'https://a.example/b.pdf' } },
      { kind: 'document', source: { kind: 'url', url: 'https://a.example/b.pdf' } },
    ],
    [
      'a file by its id',
      { type: 'file', file: { file_id: 'file-1' } },
      { kind: 'document', source: { kind: 'file-id', id: 'file-1' } },
    ],
    ['a refusal', { type: 'refusal', refusal: 'No' }, { kind: 'refusal', text: 'No' }],
    [
      'Mistral’s thoughts',
      {
        type: 'thinking',
        thinking: [
          { type: 'text', text: 'H' },
          { type: 'text', text: 'm' },
        ],
      },
      { kind: 'reasoning', text: 'Hm' },
    ],
  ])('%s', (_name, part, expected) => {
    expect(userParts(part)).toEqual([expected]);
  });
});

describe('an assistant’s history', () => {
  const assistant = (message: object) => turns({ role: 'assistant', ...message })[0]?.parts;
  const theirs = { origin: 'anthropic-messages', value: 'EqQB' } as const;
  const google = { origin: 'gemini-generate-content', value: 'Cp' } as const;

  test('has thoughts, text, refusal, calls, in this order', () => {
    expect(assistant({ reasoning_content: 'Hm', content: 'Hi', refusal: 'No', tool_calls: [call('a')] })).toEqual([
      { kind: 'reasoning', text: 'Hm' },
      { kind: 'text', text: 'Hi' },
      { kind: 'refusal', text: 'No' },
      callPart('a'),
    ]);
  });

  test('without content is left out', () => {
    expect(turns({ role: 'assistant', content: '' }, { role: 'assistant', content: null })).toEqual([]);
  });

  test('has its thoughts with their signature, which covers only the text', () => {
    const details = [
      { type: 'reasoning.text', text: 'Hm', signature: wrapSignature(theirs), format: 'anthropic-claude-v1', index: 0 },
      { type: 'reasoning.encrypted', data: wrapSignature(theirs), index: 1 },
    ];
    expect(assistant({ reasoning_content: 'Hm', reasoning_details: details, content: 'Hi' })).toEqual([
      { kind: 'reasoning', text: 'Hm', signature: theirs },
      { kind: 'reasoning', text: '', signature: theirs, isRedacted: true },
      { kind: 'text', text: 'Hi' },
    ]);
  });

  test('has reasoning encrypted by the Responses API, by its id', () => {
    const signature = { origin: 'openai-responses', value: 'gAAA' } as const;
    const details = [{ type: 'reasoning.encrypted', data: wrapSignature(signature), id: 'rs_1' }];
    expect(assistant({ reasoning_details: details, content: 'Hi' })![0]).toEqual({
      kind: 'reasoning',
      text: '',
      signature,
      id: 'rs_1',
    });
  });

  test('has plain signatures by the format that OpenRouter names', () => {
    const detail = (format: string) => [{ type: 'reasoning.text', text: 'Hm', signature: 'x', format }];
    expect(assistant({ reasoning_details: detail('google-gemini-v1'), content: 'Hi' })![0]).toMatchObject({
      signature: { origin: 'gemini-generate-content', value: 'x' },
    });
    expect(assistant({ reasoning_details: detail('xai-v1'), content: 'Hi' })![0]).toEqual({
      kind: 'reasoning',
      text: 'Hm',
    });
  });

  test.each([
    ['wrapped', wrapSignature(google)],
    ['bare, from Google itself', 'Cp'],
  ])('has Gemini’s signature on the call, %s', (_name, value) => {
    const signed = call('a', { extra_content: { google: { thought_signature: value } } });
    expect(assistant({ tool_calls: [signed] })).toEqual([{ ...callPart('a'), signature: google }]);
  });

  test('has Gemini’s signature of a text, images, custom calls', () => {
    expect(
      assistant({
        content: 'Hi',
        extra_content: { google: { thought_signature: wrapSignature(google) } },
        images: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } }],
        tool_calls: [{ id: 'a', type: 'custom', custom: { name: 'sh', input: 'ls' } }],
      }),
    ).toEqual([
      { kind: 'text', text: 'Hi', signature: google },
      { kind: 'image', source: { kind: 'base64', mediaType: 'image/png', data: 'AA' } },
      { kind: 'tool-call', id: 'a', name: 'sh', arguments: 'ls', isCustom: true },
    ]);
  });

  test('names the audio of an earlier answer as left out', () => {
    const { unmapped } = decodeMessages([{ role: 'assistant', content: 'Hi', audio: { id: 'audio_1' } }]);
    expect(Object.keys(unmapped)).toEqual(['messages[0].audio']);
  });
});
