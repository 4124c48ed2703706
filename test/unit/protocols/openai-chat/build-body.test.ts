import { describe, expect, test } from 'vitest';
import { buildChatBody } from '#src/protocols/openai-chat/request/build-body.ts';
import { wrapSignature } from '#src/protocols/translate/signatures.ts';

const build = (json: string, more: { isStream?: boolean; canReportStreamUsage?: boolean } = {}) =>
  buildChatBody({
    body: Buffer.from(json),
    upstreamModel: 'gpt-4o-2024-11-20',
    isStream: false,
    canReportStreamUsage: true,
    ...more,
  });

test('the body is sent unchanged, except for the model', () => {
  const body = build('{"model": "gpt-4o", "seed": 12345678901234567890, "new_field": {"x": 1}}');
  expect(body.toString()).toBe('{"model": "gpt-4o-2024-11-20", "seed": 12345678901234567890, "new_field": {"x": 1}}');
});

test('usage is requested in every stream, other stream options stay', () => {
  expect(build('{"model":"m","stream":true}', { isStream: true }).toString()).toBe(
    '{"model":"gpt-4o-2024-11-20","stream":true,"stream_options":{"include_usage":true}}',
  );
  const options = '{"model":"m","stream_options":{"include_obfuscation":false,"include_usage":false}}';
  expect(build(options, { isStream: true }).toString()).toBe(
    '{"model":"gpt-4o-2024-11-20","stream_options":{"include_obfuscation":false,"include_usage":true}}',
  );
});

test('a provider that refuses stream_options gets none', () => {
  const body = build('{"model":"m","stream":true}', { isStream: true, canReportStreamUsage: false });
  expect(body.toString()).not.toContain('stream_options');
});

test('extra_body replaces members of the same name, and the broker’s members are removed', () => {
  const body = build(
    '{"model":"m","models":["a"],"provider":{"only":["x"]},"temperature":1,"extra_body":{"temperature":0.50,"google":{"image_config":{"image_size":"1K"}}}}',
  );
  expect(body.toString()).toBe(
    '{"model":"gpt-4o-2024-11-20","temperature":0.50,"google":{"image_config":{"image_size":"1K"}}}',
  );
});

test('extra_body cannot change the model', () => {
  expect(JSON.parse(build('{"model":"m","extra_body":{"model":"gpt-9"}}').toString()).model).toBe('gpt-4o-2024-11-20');
});

describe('signatures that the broker wrapped for other providers', () => {
  const theirs = wrapSignature({ origin: 'anthropic-messages', value: 'EqQB' });
  const google = wrapSignature({ origin: 'gemini-generate-content', value: 'CpcB' });
  const thought = { type: 'reasoning.text', text: 'Hm.', signature: theirs, index: 0 };
  const messages = (message: object) => JSON.stringify({ model: 'm', seed: 1, messages: [message] });
  const cleaned = (message: object, upstreamModel = 'gpt-4o') => {
    const input = { body: Buffer.from(messages(message)), upstreamModel, isStream: false, canReportStreamUsage: true };
    return JSON.parse(buildChatBody(input).toString()).messages[0];
  };

  test('are removed together with their thoughts', () => {
    const message = { role: 'assistant', content: 'Hi', reasoning_content: 'Hm.', reasoning_details: [thought] };
    expect(cleaned(message)).toEqual({ role: 'assistant', content: 'Hi' });
  });

  test('are removed from tool calls, the calls stay', () => {
    const call = { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } };
    const signed = { ...call, extra_content: { google: { thought_signature: google } } };
    expect(cleaned({ role: 'assistant', tool_calls: [signed, call] })).toEqual({
      role: 'assistant',
      tool_calls: [call, call],
    });
  });

  test('are returned to Gemini at Google’s own OpenAI endpoint', () => {
    const signed = { id: 'a', extra_content: { google: { thought_signature: google } } };
    expect(cleaned({ role: 'assistant', tool_calls: [signed] }, 'gemini-3-pro').tool_calls[0].extra_content).toEqual({
      google: { thought_signature: 'CpcB' },
    });
  });

  test('of the provider itself are kept', () => {
    const own = { type: 'reasoning.text', text: 'Mine.', signature: 'EqQB' };
    expect(cleaned({ role: 'assistant', reasoning_content: 'x', reasoning_details: [own, thought] })).toEqual({
      role: 'assistant',
      reasoning_content: 'x',
      reasoning_details: [own],
    });
  });
});
