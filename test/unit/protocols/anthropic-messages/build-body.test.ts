import { describe, expect, test } from 'vitest';
import { buildMessagesBody } from '#src/protocols/anthropic-messages/build-body.ts';
import { writeSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';

const build = (body: string | object) =>
  buildMessagesBody({
    body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
    upstreamModel: 'claude-opus-5-5',
    isStream: true,
    canReportStreamUsage: true,
  }).toString();

test('the body goes up as it came, but for the model', () => {
  expect(build('{"model": "m", "max_tokens": 5, "new_field": 12345678901234567890}')).toBe(
    '{"model": "claude-opus-5-5", "max_tokens": 5, "new_field": 12345678901234567890}',
  );
});

test('extra_body is merged in over members of the same name, and the broker’s members are taken out', () => {
  const body =
    '{"model":"m","models":["a"],"provider":{"only":["x"]},"max_tokens":1,"extra_body":{"max_tokens":2,"speed":"fast","model":"z"}}';
  expect(build(body)).toBe('{"model":"claude-opus-5-5","max_tokens":2,"speed":"fast"}');
});

describe('thoughts of other vendors', () => {
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

  test('thinking is not asked for behind a call that lost its thought, which Anthropic would refuse', () => {
    const thinking = { type: 'adaptive' };
    expect(JSON.parse(build(conversation([foreign, call], { thinking }))).thinking).toBeUndefined();
    expect(JSON.parse(build(conversation([foreign, text], { thinking }))).thinking).toEqual(thinking);
    expect(JSON.parse(build(conversation([foreign, own, call], { thinking }))).thinking).toEqual(thinking);
  });

  test('without any, not a byte of the messages changes', () => {
    expect(build('{"model":"m","messages":[ {"role":"user",  "content":"Hi"} ]}')).toBe(
      '{"model":"claude-opus-5-5","messages":[ {"role":"user",  "content":"Hi"} ]}',
    );
  });
});
