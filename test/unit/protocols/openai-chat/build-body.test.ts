import { expect, test } from 'vitest';
import { buildChatBody } from '#src/protocols/openai-chat/build-body.ts';

const build = (json: string, more: { isStream?: boolean; canReportStreamUsage?: boolean } = {}) =>
  buildChatBody({
    body: Buffer.from(json),
    upstreamModel: 'gpt-4o-2024-11-20',
    isStream: false,
    canReportStreamUsage: true,
    ...more,
  });

test('the body goes up as it came, but for the model', () => {
  const body = build('{"model": "gpt-4o", "seed": 12345678901234567890, "new_field": {"x": 1}}');
  expect(body.toString()).toBe('{"model": "gpt-4o-2024-11-20", "seed": 12345678901234567890, "new_field": {"x": 1}}');
});

test('usage is asked for in every stream, other stream options stay', () => {
  expect(build('{"model":"m","stream":true}', { isStream: true }).toString()).toBe(
    '{"model":"gpt-4o-2024-11-20","stream":true,"stream_options":{"include_usage":true}}',
  );
  const options = '{"model":"m","stream_options":{"include_obfuscation":false,"include_usage":false}}';
  expect(build(options, { isStream: true }).toString()).toBe(
    '{"model":"gpt-4o-2024-11-20","stream_options":{"include_obfuscation":false,"include_usage":true}}',
  );
});

test('a vendor that refuses stream_options is not sent any', () => {
  const body = build('{"model":"m","stream":true}', { isStream: true, canReportStreamUsage: false });
  expect(body.toString()).not.toContain('stream_options');
});

test('extra_body is merged in over members of the same name, and the broker’s members are taken out', () => {
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
