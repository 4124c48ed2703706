import { describe, expect, test } from 'vitest';
import { formatUsd } from '#src/contracts/money.ts';
import { ResponsesStreamRelay, relayResponsesBody } from '#src/protocols/openai-responses/stream/relay.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { fixtures } from '#test/fixtures/protocols/openai-responses.ts';

const context: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 8,
  priceUsage: (usage) => ({
    cost: formatUsd(usage.reportedCost ?? BigInt(usage.inputTokens + usage.outputTokens) * 1_000_000n),
    charge: '0.0001',
  }),
};

const event = (type: string, members: string) =>
  `event: ${type}\ndata: {"type":"${type}","sequence_number":1,${members}}\n\n`;
const created = event('response.created', '"response":{"id":"resp_1","status":"in_progress","usage":null}');
const delta = (text: string) =>
  event('response.output_text.delta', `"item_id":"msg_1","output_index":0,"content_index":0,"delta":"${text}"`);
const COUNTS = '"usage":{"input_tokens":8,"output_tokens":2,"total_tokens":10';
const last = (status: string, members: string) =>
  event(`response.${status}`, `"response":{"id":"resp_1","status":"${status}",${members}}`);
const completed = last('completed', `"output":[],${COUNTS}}`);

function relay(text: string) {
  const stream = new ResponsesStreamRelay(context);
  const results = new SseSplitter().push(Buffer.from(text)).map((sse) => stream.accept(sse));
  const all = [...results, stream.end()];
  const bytes = all.map((result) => result.bytes?.toString() ?? '').join('');
  return { bytes, failure: all.find((result) => result.failure)?.failure, usage: stream.usage(), results, stream };
}

describe('a pass-through stream', () => {
  test('has the provider’s bytes except for the cost of its last event', () => {
    const { bytes, failure, usage, stream } = relay(created + delta('Hi') + completed);
    const priced = event(
      'response.completed',
      `"response":{"id":"resp_1","status":"completed","output":[],${COUNTS},"cost":0.00001},"cost":0.0001},"cost":0.0001`,
    );
    expect(bytes).toBe(created + delta('Hi') + priced);
    expect(failure).toBeUndefined();
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: false });
    expect(stream.isComplete()).toBe(true);
  });

  test('that ends as incomplete is complete too', () => {
    const { bytes, failure } = relay(created + delta('Hi') + last('incomplete', `${COUNTS}}`));
    expect(failure).toBeUndefined();
    expect(bytes).toContain('"cost":0.00001},"cost":0.0001},"cost":0.0001}');
  });

  test.each(Object.entries(fixtures.answers))('of the case %s is passed on', (_name, { stream }) => {
    const { bytes, failure, usage } = relay(stream);
    expect(failure).toBeUndefined();
    expect(bytes.slice(0, bytes.lastIndexOf('event:'))).toBe(stream.slice(0, stream.lastIndexOf('event:')));
    expect(usage).toMatchObject({ inputTokens: 120, outputTokens: 45 });
  });

  test('has an estimate if the provider counted nothing', () => {
    const { bytes, usage } = relay(created + delta('Hello you') + last('completed', '"output":[],"usage":null'));
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 3, isEstimated: true });
    expect(bytes).toContain('"usage":{"input_tokens":8,"input_tokens_details":{"cached_tokens":0');
  });

  test('shows the cost that the provider itself reports, to the last digit', () => {
    expect(relay(last('completed', `${COUNTS},"cost":0.000012345678}`)).bytes).toContain('"cost":0.000012345678}');
  });

  test('keeps [DONE] after the end, and CR LF line ends', () => {
    const text = `${created}${delta('Hi')}`.replaceAll('\n', '\r\n');
    const { bytes, failure } = relay(`: early\n\n${text}${completed}data: [DONE]\n\n${delta('more')}`);
    expect(failure).toBeUndefined();
    expect(bytes.startsWith(text)).toBe(true);
    expect(bytes.endsWith('}\n\ndata: [DONE]\n\n')).toBe(true);
  });

  test('drops events without data, which make SDKs throw', () => {
    expect(relay(`event: ping\n\n${created}event: ping\n\n${completed}`).bytes).not.toContain('event: ping');
  });

  test('passes on unknown events, and events with their type only in the name', () => {
    const strange = 'event: response.new_thing\ndata: {"x":1e400}\n\n';
    const nameless = completed.replace('"type":"response.completed",', '');
    const { bytes, failure } = relay(strange + nameless);
    expect(bytes.startsWith(strange)).toBe(true);
    expect(failure).toBeUndefined();
  });

  test('has no content before the first item', () => {
    const queued = event('response.queued', '"response":{"id":"resp_1"}');
    const progress = event('response.in_progress', '"response":{"id":"resp_1"}');
    const added = event('response.output_item.added', '"output_index":0,"item":{"type":"message"}');
    const { results } = relay(queued + created + progress + added + delta('Hi') + completed);
    expect(results.map((result) => result.isPreamble ?? false)).toEqual([true, true, true, false, false, false]);
  });
});

describe('an incomplete stream is never shown as complete', () => {
  const flat = 'event: error\ndata: {"type":"error","code":"server_error","message":"boom","param":null}\n\n';
  const nested =
    'event: error\ndata: {"type":"error","error":{"type":"insufficient_quota","code":"insufficient_quota","message":"You exceeded"}}\n\n';
  const failed = last('failed', '"error":{"code":"rate_limit_exceeded","message":"slow down"}');

  test.each([
    ['closed before the end', created + delta('Hi'), 'upstream_stream_cut'],
    ['closed at once', '', 'upstream_stream_cut'],
    ['[DONE] without an end', `${delta('Hi')}data: [DONE]\n\n`, 'upstream_stream_cut'],
    ['an event that is not JSON', `${delta('Hi')}data: {"type":"resp\n\n`, 'upstream_malformed'],
    ['an event that is not an object', `${delta('Hi')}data: [1]\n\n`, 'upstream_malformed'],
    ['a flat error event', created + flat, 'upstream_server_error'],
    ['a nested error event, then response.failed', created + nested + failed, 'upstream_quota_exhausted'],
    ['response.failed', created + failed, 'upstream_rate_limited'],
    ['response.failed after content', created + delta('Hi') + failed, 'upstream_rate_limited'],
    ['a chat error', 'data: {"error":{"message":"Overloaded"}}\n\n', 'upstream_overloaded'],
  ])('%s', (_name, text, code) => {
    const { failure, bytes } = relay(text);
    expect(failure?.code).toBe(code);
    // The provider's message about the broker's account is not for the client.
    expect(bytes).not.toMatch(/boom|exceeded|slow down/);
  });

  test('the cost of a failed response is still counted', () => {
    expect(relay(created + last('failed', `"error":{"code":"server_error"},${COUNTS}}`)).usage).toMatchObject({
      inputTokens: 8,
      outputTokens: 2,
      isEstimated: false,
    });
  });

  test('its tokens are estimated from what was relayed', () => {
    expect(relay(created + delta('lume ime ')).usage).toMatchObject({ inputTokens: 8, outputTokens: 3 });
    expect(relay('').usage).toMatchObject({ inputTokens: 0, outputTokens: 0 });
  });
});

describe('a whole answer', () => {
  const answer =
    '{"id":"resp_1","status":"completed","output":[{"type":"message","content":[{"text":"Hello!"}]}], "x":1e400';

  test('has the provider’s bytes with the cost added', () => {
    const { body, usage } = relayResponsesBody(Buffer.from(`${answer},${COUNTS}}}`), context);
    expect(body.toString()).toBe(`${answer},${COUNTS},"cost":0.00001},"cost":0.0001}`);
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2 });
  });

  test('without usage gets Sluice’s estimate', () => {
    const { body, usage } = relayResponsesBody(Buffer.from(`${answer},"usage":null}`), context);
    expect(usage).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: true });
    expect(JSON.parse(body.toString()).usage).toMatchObject({ input_tokens: 8, output_tokens: 2, cost: 0.00001 });
  });

  test.each([
    ['text', 'Bad upstream', 'upstream_malformed'],
    ['nothing', '', 'upstream_malformed'],
    ['another object', '{"ok":true}', 'upstream_malformed'],
    ['an error with status 200', '{"error":{"message":"boom"}}', 'upstream_server_error'],
    ['a failed response', '{"status":"failed","output":[],"error":{"code":"invalid_image"}}', 'upstream_bad_request'],
  ])('that is %s is a failure', (_name, body, code) => {
    expect(relayResponsesBody(Buffer.from(body), context).failure?.code).toBe(code);
  });
});
