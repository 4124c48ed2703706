import { describe, expect, test } from 'vitest';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { buildMessagesBody } from '#src/protocols/anthropic-messages/request/read-request.ts';

const build = (body: string | object, upstreamModel = 'claude-opus-5-5') =>
  buildMessagesBody({
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    upstreamModel,
    isStream: true,
    canReportStreamUsage: true,
  }).toString();

test('the body is sent unchanged, except for the model', () => {
  expect(build('{"model": "m", "max_tokens": 5, "new_field": 12345678901234567890}')).toBe(
    '{"model": "claude-opus-5-5", "max_tokens": 5, "new_field": 12345678901234567890}',
  );
});

test('extra_body replaces members of the same name, and the broker’s members are removed', () => {
  const body =
    '{"model":"m","models":["a"],"provider":{"only":["x"]},"max_tokens":1,"extra_body":{"max_tokens":2,"speed":"fast","model":"z"}}';
  expect(build(body)).toBe('{"model":"claude-opus-5-5","max_tokens":2,"speed":"fast"}');
});

describe('thoughts of other providers', () => {
  const foreign = {
    type: 'thinking',
    thinking: 'Hm.',
    signature: writeSignature({ origin: 'gemini-generate-content', value: 'c2ln' }),
  };
  const unsigned = { type: 'thinking', thinking: 'Hm.', signature: writeSignature(undefined) };
  const own = { type: 'thinking', thinking: 'Hm.', signature: 'EqQB' };
  const text = { type: 'text', text: 'Hello' };
  const call = { type: 'tool_use', id: 'call_1', name: 'f', input: {} };
  const conversation = (content: object[], more = {}) => ({
    model: 'm',
    messages: [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content },
      { role: 'user', content: 'And?' },
    ],
    ...more,
  });
  const contents = (body: object) =>
    JSON.parse(build(body)).messages.map((message: { content: unknown }) => message.content);

  test.each<[string, object[], unknown[]]>([
    ['are taken out', [foreign, text], ['Hi', [text], 'And?']],
    ['are taken out where nobody signed them', [unsigned, text], ['Hi', [text], 'And?']],
    ['leave Anthropic’s own alone', [own, foreign, text], ['Hi', [own, text], 'And?']],
    ['take a message with them that has nothing else', [foreign], ['Hi', 'And?']],
    ['may be redacted', [{ type: 'redacted_thinking', data: foreign.signature }, text], ['Hi', [text], 'And?']],
  ])('%s', (_name, content, expected) => {
    expect(contents(conversation(content))).toEqual(expected);
  });

  test('long numbers in the arguments of tools keep their digits', () => {
    const json = JSON.stringify(conversation([foreign, call])).replace(
      '"input":{}',
      '"input":{"id":12345678901234567890}',
    );
    expect(build(json)).toContain('"input":{"id":12345678901234567890}');
  });

  const budget = { type: 'enabled', budget_tokens: 1_024, display: 'omitted' };
  const adaptive = { type: 'adaptive' };
  test.each<[string, string, object, object[], object | undefined]>([
    ['by a budget is asked for behind a thought', 'claude-sonnet-4-5', budget, [foreign, own, call], budget],
    ['by a budget is asked for behind a text', 'claude-sonnet-4-5', budget, [foreign, text], budget],
    ['by a budget is not asked for behind a bare call', 'claude-sonnet-4-5', budget, [foreign, call], undefined],
    ['becomes adaptive there', 'claude-opus-4-6', budget, [foreign, call], { ...adaptive, display: 'omitted' }],
    ['that is adaptive stays', 'claude-opus-5', adaptive, [foreign, call], adaptive],
  ])('thinking %s', (_name, model, thinking, content, expected) => {
    expect(JSON.parse(build(conversation(content, { thinking }), model)).thinking).toEqual(expected);
  });

  test('without any, the messages are unchanged byte for byte', () => {
    expect(build('{"model":"m","messages":[ {"role":"user",  "content":"Hi"} ]}')).toBe(
      '{"model":"claude-opus-5-5","messages":[ {"role":"user",  "content":"Hi"} ]}',
    );
  });
});
