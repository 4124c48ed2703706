import { describe, expect, test } from 'vitest';
import { formatUsd } from '#src/contracts/money.ts';
import { relayMessagesBody } from '#src/protocols/anthropic-messages/answer/decode-answer.ts';
import { relayTokenCount } from '#src/protocols/anthropic-messages/request/read-request.ts';
import { MessagesStreamRelay } from '#src/protocols/anthropic-messages/stream/relay-stream.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures } from '#test/fixtures/protocols/anthropic-messages.ts';

const context: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: (usage) => ({
    cost: formatUsd(usage.reportedCost ?? BigInt(usage.inputTokens + usage.outputTokens) * 1_000_000n),
    charge: '0.0001',
  }),
};

const event = (type: string, members = '') => `event: ${type}\ndata: {"type": "${type}"${members}}   \n\n`;
const start = event(
  'message_start',
  ',"message":{"id":"msg_1","content":[],"usage":{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}}',
);
const open = event('content_block_start', ',"index":0,"content_block":{"type":"text","text":""}');
const delta = (text: string) =>
  event('content_block_delta', `,"index":0,"delta":{"type":"text_delta","text":"${text}"}`);
const close = event('content_block_stop', ',"index":0');
const finish = (usage = ',"usage":{"output_tokens":3}', more = '') =>
  event('message_delta', `,"delta":{"stop_reason":"end_turn"}${usage}${more}`);
const stop = event('message_stop');

function relay(text: string) {
  const stream = new MessagesStreamRelay(context);
  const results = new SseSplitter().push(Buffer.from(text)).map((each) => stream.accept(each));
  const end = stream.end();
  const bytes = [...results, end].map((result) => result.bytes?.toString() ?? '').join('');
  const failure = [...results, end].find((result) => result.failure !== undefined)?.failure;
  return { bytes, failure, usage: stream.usage(), results, isComplete: stream.isComplete() };
}

describe('a pass-through stream', () => {
  test('has the provider’s bytes, including padding, except for the cost', () => {
    const { bytes, failure, usage, isComplete } = relay(start + open + delta('Hi') + close + finish() + stop);
    const priced = finish(',"usage":{"output_tokens":3,"cost":0.000018}', ',"cost":0.0001');
    expect(bytes).toBe(start + open + delta('Hi') + close + priced + stop);
    expect(failure).toBeUndefined();
    expect(isComplete).toBe(true);
    expect(usage).toMatchObject({ inputTokens: 15, cachedInputTokens: 5, outputTokens: 3, isEstimated: false });
  });

  test('has the requested model, streamed and unstreamed', () => {
    const named = (model: string) =>
      event('message_start', `,"message":{"id":"msg_1", "model": "${model}","content":[],"usage":{"input_tokens":1}}`);
    const asked = { ...context, requestedModel: 'claude' };
    const first = (relayContext: RelayContext, text: string) => {
      const stream = new MessagesStreamRelay(relayContext);
      return stream.accept(new SseSplitter().push(Buffer.from(text))[0]!).bytes?.toString();
    };
    expect(first(asked, named('claude-opus-5'))).toBe(named('claude'));
    expect(first(context, named('claude-opus-5'))).toBe(named('claude-opus-5'));
    expect(first(asked, start)).toContain('"model":"claude"');
    const body = Buffer.from(JSON.stringify({ id: 'msg_1', model: 'claude-opus-5', content: [] }));
    expect(JSON.parse(relayMessagesBody(body, asked).body.toString())).toMatchObject({ model: 'claude' });
    expect(JSON.parse(relayMessagesBody(body, context).body.toString())).toMatchObject({ model: 'claude-opus-5' });
  });

  test('usage at the end replaces usage at the start, except zeros and nulls', () => {
    const { usage } = relay(
      start +
        finish(
          ',"usage":{"input_tokens":12,"cache_read_input_tokens":0,"cache_creation_input_tokens":null,"output_tokens":3}',
        ) +
        stop,
    );
    expect(usage).toMatchObject({ inputTokens: 17, cachedInputTokens: 5, cacheWriteTokens: 0, outputTokens: 3 });
  });

  test('without usage gets Sluice’s estimate, with the input as the provider counted it', () => {
    const { bytes, usage } = relay(start + open + delta('Hello you') + close + finish('') + stop);
    expect(usage).toMatchObject({ inputTokens: 15, outputTokens: 3, isEstimated: true });
    expect(bytes).toContain('"usage":{"input_tokens":10,"cache_creation_input_tokens":0,"cache_read_input_tokens":5,');
  });

  test('shows the cost that the provider itself reports, to the last digit', () => {
    const { bytes } = relay(start + finish(',"usage":{"output_tokens":3,"cost":0.0000123}') + stop);
    expect(bytes).toContain('"cost":0.0000123}');
  });

  test('passes on pings, unknown events and unknown members', () => {
    const strange = `${event('ping')}${event('thread_started', ',"x":{"y":1}')}`;
    const { bytes } = relay(start + strange + finish() + stop);
    expect(bytes).toContain(strange);
  });

  test('ignores what comes after message_stop', () => {
    expect(relay(start + finish() + stop + delta('more')).bytes).not.toContain('more');
  });

  test('is the same for every split of its bytes', () => {
    const whole = relay(fixtures.answers.reasoning.stream).bytes;
    const bytes = Buffer.from(fixtures.answers.reasoning.stream);
    for (let cut = 1; cut < bytes.length; cut++) {
      const splitter = new SseSplitter();
      const stream = new MessagesStreamRelay(context);
      const events = [...splitter.push(bytes.subarray(0, cut)), ...splitter.push(bytes.subarray(cut))];
      expect(Buffer.concat(events.map((each) => stream.accept(each).bytes ?? Buffer.alloc(0))).toString()).toBe(whole);
    }
  });

  test('marks events before the first content', () => {
    const { results } = relay(start + event('ping') + open + delta('') + delta('Hi') + close + finish() + stop);
    expect(results.map(({ isPreamble }) => isPreamble)).toEqual([true, true, true, true, false, false, false, false]);
  });
});

describe('an incomplete stream is never shown as complete', () => {
  const error = (type: string, more = '') => event('error', `,"error":{"type":"${type}","message":"said"${more}}`);

  test.each<[string, string, string]>([
    ['closed at once', '', 'upstream_stream_cut'],
    ['closed in the middle', start + open + delta('Hi'), 'upstream_stream_cut'],
    ['closed before message_stop', start + open + delta('Hi') + close + finish(), 'upstream_stream_cut'],
    ['an event that is not JSON', `${start}event: x\ndata: {"type":"content\n\n`, 'upstream_malformed'],
    ['an event that is a list', `${start}event: x\ndata: [1]\n\n`, 'upstream_malformed'],
    ['an overload as the first event', error('overloaded_error'), 'upstream_overloaded'],
    ['an overload in the middle', start + open + delta('Hi') + error('overloaded_error'), 'upstream_overloaded'],
    ['a rate limit', start + error('rate_limit_error'), 'upstream_rate_limited'],
    ['a fault', start + error('api_error'), 'upstream_server_error'],
    [
      'a spending limit',
      error('rate_limit_error', ',"details":{"error_code":"enforced_spend_limit_reached"}'),
      'upstream_quota_exhausted',
    ],
  ])('%s', (_name, text, code) => {
    expect(relay(text).failure?.code).toBe(code);
  });

  test('the output until then is estimated', () => {
    expect(relay(start + open + delta('lume ime ')).usage).toMatchObject({
      inputTokens: 15,
      outputTokens: 3,
      isEstimated: true,
    });
    expect(relay('').usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });
});

describe('a whole answer', () => {
  const message = '{"id":"msg_1", "content":[{"type":"text","text":"Hello!"}],"x":1e400';

  test('has the provider’s bytes with the cost added', () => {
    const usage = '"usage":{"input_tokens":8,"output_tokens":2';
    const { body } = relayMessagesBody(Buffer.from(`${message},${usage}}}`), context);
    expect(body.toString()).toBe(`${message},${usage},"cost":0.00001},"cost":0.0001}`);
  });

  test('without usage gets Sluice’s estimate', () => {
    const { body, usage } = relayMessagesBody(Buffer.from(`${message}}`), context);
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: true });
    expect(JSON.parse(body.toString()).usage).toMatchObject({ input_tokens: 8, output_tokens: 2, cost: 0.00001 });
  });

  test.each<[string, string, string]>([
    ['text', 'Bad gateway', 'upstream_malformed'],
    ['nothing', '', 'upstream_malformed'],
    ['another object', '{"ok":true}', 'upstream_malformed'],
    [
      'an error with status 200',
      '{"type":"error","error":{"type":"overloaded_error","message":"x"}}',
      'upstream_overloaded',
    ],
  ])('that is %s is a failure', (_name, body, code) => {
    expect(relayMessagesBody(Buffer.from(body), context).failure?.code).toBe(code);
  });
});

test('a token count costs nothing and is unchanged', () => {
  const body = Buffer.from('{"input_tokens": 12, "x": 1}');
  expect(relayTokenCount(body)).toMatchObject({ body, usage: { inputTokens: 0, outputTokens: 0 } });
  expect(relayTokenCount(Buffer.from('{}')).failure?.code).toBe('upstream_malformed');
});
