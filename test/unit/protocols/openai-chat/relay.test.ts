import { describe, expect, test } from 'vitest';
import { formatUsd } from '#src/contracts/money.ts';
import { relayChatBody } from '#src/protocols/openai-chat/answer/relay-body.ts';
import { ChatStreamRelay } from '#src/protocols/openai-chat/stream/relay-stream.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';

const context: RelayContext = {
  usageDelivery: 'own-event' as const,
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: (usage) => ({
    cost: formatUsd(usage.reportedCost ?? BigInt(usage.inputTokens + usage.outputTokens) * 1_000_000n),
    charge: '0.0001',
  }),
};

const chunk = (members: string) => `data: {"id":"c","created":1,"model":"m",${members}}\n\n`;
const delta = (content: string, finish = 'null') =>
  chunk(`"choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":${finish}}]`);
const nullUsage = (content: string) =>
  chunk(`"choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":null}],"usage":null`);
const USAGE = '"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10}';
const usageChunk = chunk(`"choices":[],${USAGE}`);
const DONE = 'data: [DONE]\n\n';

function relay(text: string, change: Partial<RelayContext> = {}) {
  const stream = new ChatStreamRelay({ ...context, ...change });
  const results = new SseSplitter().push(Buffer.from(text)).map((event) => stream.accept(event));
  const end = stream.end();
  const bytes = [...results, end].map((result) => result.bytes?.toString() ?? '').join('');
  const failure = [...results, end].find((result) => result.failure !== undefined)?.failure;
  return { bytes, failure, usage: stream.usage(), results };
}

describe('a pass-through stream', () => {
  test('has the provider’s bytes except for the cost', () => {
    const { bytes, failure, usage } = relay(nullUsage('Hi') + delta('', '"stop"') + usageChunk + DONE);
    const priced = chunk(
      `"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10,"cost":0.00001},"cost":0.0001`,
    );
    expect(bytes).toBe(nullUsage('Hi') + delta('', '"stop"') + priced + DONE);
    expect(failure).toBeUndefined();
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: false });
  });

  describe('of a provider that sends the usage so far in every chunk', () => {
    // LangChain and Pydantic AI add up what they get: 50 input tokens instead of 10 (findings/usage-in-every-chunk.sh).
    const count = (tokens: number) =>
      `"usage":{"prompt_tokens":8,"completion_tokens":${tokens},"total_tokens":${8 + tokens},"num_sources_used":3}`;
    const said = (content: string, tokens: number, finish = 'null') =>
      chunk(`"choices":[{"index":0,"delta":{"content":"${content}"},"finish_reason":${finish}}],${count(tokens)}`);
    const whole = said('Hi', 1) + said(' you', 2) + said('', 2, '"stop"');
    const bare = delta('Hi') + delta(' you') + delta('', '"stop"');
    const shown = `"choices":[],${count(2).replace(/}$/, ',"cost":0.00001}')},"cost":0.0001`;

    test('has it once, in the chunk after the answer', () => {
      const { bytes, usage } = relay(whole + chunk(`"choices":[],${count(2)}`) + DONE);
      expect(bytes).toBe(bare + chunk(shown) + DONE);
      expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: false });
    });

    test('has it in a chunk of the broker if the provider sends none after the answer', () => {
      const { bytes } = relay(whole + DONE);
      const own = `{"id":"c","object":"chat.completion.chunk","created":1,"model":"m",${shown}}`;
      expect(bytes).toBe(`${bare}data: ${own}\n\n${DONE}`);
    });

    test('has it everywhere for a client that asked for that', () => {
      const { bytes } = relay(whole + DONE, { hasRunningUsage: true });
      expect(bytes.match(/"num_sources_used":3/g)).toHaveLength(3);
    });
  });

  describe('of a provider that repeats the usage has it once', () => {
    const finish = (index: number, tokens: number) =>
      chunk(`"choices":[{"index":${index},"delta":{},"finish_reason":"stop"}],${counted(tokens)}`);
    const counted = (tokens: number) =>
      `"usage":{"prompt_tokens":8,"completion_tokens":${tokens},"total_tokens":${8 + tokens}}`;
    const only = (tokens: number) => chunk(`"choices":[],${counted(tokens)}`);

    test.each([
      ['in the finishing chunk and after it', delta('Hi') + finish(0, 2) + only(2), 1],
      ['after the answer, twice', delta('Hi', '"stop"') + only(2) + only(2), 1],
      ['before the answer and after it', only(0) + delta('Hi', '"stop"') + only(2), 1],
      ['before the end of the answer only', delta('Hi') + only(2) + delta('', '"stop"'), 1],
      ['in the finishing chunk of each choice', delta('Hi') + finish(0, 1) + finish(1, 2), 2],
      ['in the finishing chunk of each choice and after it', delta('Hi') + finish(0, 1) + finish(1, 2) + only(2), 2],
    ])('%s', (_name, text, choices) => {
      const { bytes, usage } = relay(text + DONE, { choices });
      expect(bytes.match(/"usage":\{/g)).toHaveLength(1);
      expect(bytes).toContain(`${counted(2).replace(/}$/, ',"cost":0.00001}')},"cost":0.0001`);
      expect(bytes.match(/"finish_reason":"stop"/g)).toHaveLength(choices);
      expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: false });
    });

    test('but each time for a client that asked for that', () => {
      const { bytes } = relay(finish(0, 1) + finish(1, 2) + only(2) + DONE, { choices: 2, hasRunningUsage: true });
      expect(bytes.match(/"usage":\{/g)).toHaveLength(3);
    });
  });

  test('has no usage for a client that did not request it', () => {
    const { bytes, usage } = relay(nullUsage('Hi') + delta('', '"stop"') + usageChunk + DONE, {
      usageDelivery: 'none',
    });
    expect(bytes).toBe(delta('Hi') + delta('', '"stop"') + DONE);
    expect(usage.outputTokens).toBe(2);
  });

  test('keeps a chunk with content and usage, without the usage', () => {
    const last = chunk(`"choices":[{"index":0,"delta":{},"finish_reason":"stop"}],${USAGE}`);
    const { bytes, usage } = relay(delta('Hi') + last + DONE, { usageDelivery: 'none' });
    expect(bytes).toBe(delta('Hi') + chunk('"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]') + DONE);
    expect(usage.inputTokens).toBe(8);
  });

  test('gives a client that requested usage an estimate if the provider has none', () => {
    const { bytes, usage } = relay(delta('Hello you') + delta('', '"stop"') + DONE);
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 3, isEstimated: true });
    expect(bytes).toContain('"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":3,"total_tokens":11');
    expect(bytes.endsWith(DONE)).toBe(true);
  });

  test('shows the cost that the provider itself reports, to the last digit', () => {
    const reported = chunk('"choices":[],"usage":{"prompt_tokens":8,"completion_tokens":2,"cost":0.000012345678}');
    const { bytes } = relay(delta('Hi', '"stop"') + reported + DONE);
    expect(bytes).toContain('"cost":0.000012345678},"cost":0.0001');
  });

  test('accepts a missing [DONE], comments, and CR LF line ends', () => {
    const { bytes, failure } = relay(
      `: ping\r\n\r\n${delta('Hi').replaceAll('\n', '\r\n')}: ping\n\n${delta('', '"stop"')}${usageChunk}`,
    );
    expect(failure).toBeUndefined();
    expect(bytes.startsWith(delta('Hi').replaceAll('\n', '\r\n'))).toBe(true);
    expect(bytes.endsWith(DONE)).toBe(true);
  });

  test('ignores what comes after [DONE], and events without data that would make SDKs throw', () => {
    const { bytes } = relay(`event: ping\n\n${delta('Hi', '"stop"')}${usageChunk}${DONE}${delta('more')}`);
    expect(bytes).not.toContain('event: ping');
    expect(bytes).not.toContain('more');
  });

  test('passes on unknown events and members', () => {
    const strange = chunk('"choices":[],"prompt_filter_results":[{"x":1}]');
    expect(relay(strange + delta('Hi', '"stop"') + usageChunk + DONE).bytes.startsWith(strange)).toBe(true);
  });
});

describe('an incomplete stream is never shown as complete', () => {
  test.each([
    ['closed before the end', delta('Hi'), 'upstream_stream_cut'],
    ['closed at once', '', 'upstream_stream_cut'],
    ['an event that is not JSON', `${delta('Hi')}data: {"choices":[{"ind\n\n`, 'upstream_malformed'],
    ['an event that is not an object', `${delta('Hi')}data: [1]\n\n`, 'upstream_malformed'],
    [
      'an error event',
      `${delta('Hi')}data: {"error":{"message":"Overloaded","type":"server_error","code":null}}\n\n`,
      'upstream_overloaded',
    ],
    [
      'OpenRouter’s error event',
      'data: {"error":{"code":429,"message":"slow down"},"choices":[{"finish_reason":"error"}]}\n\n',
      'upstream_rate_limited',
    ],
    [
      'a quota error after status 200',
      'data: {"error":{"code":"insufficient_quota","message":"You exceeded"}}\n\n',
      'upstream_quota_exhausted',
    ],
  ])('%s', (_name, text, code) => {
    expect(relay(text).failure?.code).toBe(code);
  });

  test('ends only when both choices have finished', () => {
    expect(relay(delta('Hi', '"stop"'), { choices: 2 }).failure?.code).toBe('upstream_stream_cut');
  });

  test('its tokens are estimated from what was relayed', () => {
    expect(relay(delta('lume ime ')).usage).toMatchObject({ inputTokens: 8, outputTokens: 3, isEstimated: true });
    expect(relay('').usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });
});

test('marks events before the first content', () => {
  const role = chunk('"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]');
  const { results } = relay(role + delta('Hi') + delta('', '"stop"') + usageChunk + DONE);
  expect(results.map((result) => result.isPreamble ?? false)).toEqual([true, false, false, false, false]);
});

describe('a whole answer', () => {
  const answer =
    '{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"Hello!"},"finish_reason":"stop"}], "x":1e400';

  test('has the provider’s bytes with the cost added', () => {
    const { body, usage } = relayChatBody(Buffer.from(`${answer},${USAGE}}`), context);
    expect(body.toString()).toBe(
      `${answer},"usage":{"prompt_tokens":8,"completion_tokens":2,"total_tokens":10,"cost":0.00001},"cost":0.0001}`,
    );
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2 });
  });

  test('without usage gets Sluice’s estimate', () => {
    const { body, usage } = relayChatBody(Buffer.from(`${answer}}`), context);
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: true });
    expect(JSON.parse(body.toString()).usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 2, cost: 0.00001 });
  });

  test.each([
    ['text', 'Bad upstream', 'upstream_malformed'],
    ['nothing', '', 'upstream_malformed'],
    ['another object', '{"ok":true}', 'upstream_malformed'],
    ['an error with status 200', '{"error":{"message":"boom"}}', 'upstream_server_error'],
  ])('that is %s is a failure', (_name, body, code) => {
    expect(relayChatBody(Buffer.from(body), context).failure?.code).toBe(code);
  });
});
