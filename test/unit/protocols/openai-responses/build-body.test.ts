import { expect, test } from 'vitest';
import { writeEncryptedContent } from '#src/protocols/openai-responses/reasoning.ts';
import { buildResponsesBody } from '#src/protocols/openai-responses/request/build-body.ts';

const build = (json: string) =>
  buildResponsesBody({
    body: Buffer.from(json),
    upstreamModel: 'gpt-5-2025-08-07',
    isStream: true,
    canReportStreamUsage: true,
  }).toString();

test('the body is sent unchanged, except for the model', () => {
  expect(build('{"model": "gpt-5", "input": "x", "stream": true, "seed": 12345678901234567890, "new": {"x": 1}}')).toBe(
    '{"model": "gpt-5-2025-08-07", "input": "x", "stream": true, "seed": 12345678901234567890, "new": {"x": 1}}',
  );
});

test('extra_body replaces members of the same name, and the broker’s members are removed', () => {
  const body =
    '{"model":"m","models":["a"],"provider":{"only":["x"]},"store":true,"extra_body":{"store":false,"model":"y","safe":1.50}}';
  expect(build(body)).toBe('{"model":"gpt-5-2025-08-07","store":false,"safe":1.50}');
});

test('reasoning signed by another provider is removed, OpenAI’s own stays', () => {
  const foreign = { origin: 'anthropic-messages', value: 'sig' } as const;
  const own = { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'gAAAA' };
  const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
  const input = [
    { role: 'user', content: 'x' },
    { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: writeEncryptedContent(foreign, 'reasoning') },
    call,
    { type: 'reasoning', id: 'rs_3', summary: [], encrypted_content: writeEncryptedContent(foreign, 'part-before') },
    { type: 'reasoning', id: 'rs_4', summary: [], encrypted_content: writeEncryptedContent(foreign, 'redacted') },
    own,
  ];
  const sent = JSON.parse(build(JSON.stringify({ model: 'm', input, temperature: 1 })));
  expect(sent.input).toEqual([{ role: 'user', content: 'x' }, call, own]);
  expect(sent.temperature).toBe(1);
});
