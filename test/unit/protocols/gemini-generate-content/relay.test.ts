import { describe, expect, test } from 'vitest';
import {
  geminiArrayClient,
  geminiClient,
  geminiCountTokensClient,
} from '#src/protocols/gemini-generate-content/protocol.ts';
import type { ClientProtocol, RelayContext } from '#src/protocols/protocol.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { event, relayContext, textChunk } from './decoding.ts';

const STOP = { finishReason: 'STOP' };
const usage = (candidatesTokenCount: number) => ({ usageMetadata: { promptTokenCount: 8, candidatesTokenCount } });
const first = event({ ...textChunk('Hi'), ...usage(1) });
const last = event({ ...textChunk('', STOP), ...usage(2) });
const PRICED = '"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":2,"cost":0.00001},"cost":0.0001}';
const pricedLast = last.replace(/"usageMetadata".*\}/, PRICED);

function relay(
  text: string,
  change: Partial<RelayContext> = {},
  client: ClientProtocol = geminiClient,
  size = text.length,
) {
  const stream = client.passThrough.openStream({ ...relayContext, ...change });
  const splitter = new SseSplitter();
  const bytes = Buffer.from(text);
  const results = [];
  for (let at = 0; at < bytes.length; at += size) {
    for (const item of splitter.push(bytes.subarray(at, at + size))) results.push(stream.accept(item));
  }
  const end = stream.end();
  const all = [...results, end];
  return {
    bytes: all.map((result) => result.bytes?.toString() ?? '').join(''),
    failure: all.find((result) => result.failure !== undefined)?.failure,
    usage: stream.usage(),
    results,
  };
}

describe('a pass-through stream', () => {
  test('has the provider’s bytes except for the cost in the last chunk', () => {
    const { bytes, failure, usage: counted } = relay(first + last);
    expect(bytes).toBe(first + pricedLast);
    expect(failure).toBeUndefined();
    expect(counted).toMatchObject({ inputTokens: 8, outputTokens: 2, isEstimated: false });
  });

  test('is the same wherever it is split', () => {
    const text = event(textChunk('秋风')) + first + last;
    const { bytes } = relay(text);
    for (let size = 1; size < text.length; size++) expect(relay(text, {}, geminiClient, size).bytes).toBe(bytes);
  });

  test('has the cost once, in the last chunk with usage', () => {
    const finishes = event({ ...textChunk('Hi', STOP), ...usage(1) });
    expect(relay(finishes + last).bytes).toBe(finishes + pricedLast);
  });

  test('has usage in the last chunk, the provider’s or an estimate', () => {
    const bare = event(textChunk('', STOP));
    expect(relay(first + bare).bytes).toContain(
      '"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":1,"cost":',
    );
    const { bytes, usage: counted } = relay(event(textChunk('Hello you')) + bare);
    expect(bytes).toContain(
      '"usageMetadata":{"promptTokenCount":8,"candidatesTokenCount":3,"totalTokenCount":11,"cost":0.000011}',
    );
    expect(counted).toMatchObject({ outputTokens: 3, isEstimated: true });
  });

  test('ignores counts of the prompt alone if there is text', () => {
    const early = event({ ...textChunk('lume ime '), usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 } });
    expect(relay(early).usage).toMatchObject({ inputTokens: 9, outputTokens: 3, isEstimated: true });
  });

  test('a blocked prompt is a complete answer', () => {
    const blocked = event({ promptFeedback: { blockReason: 'SAFETY' } });
    const { failure, bytes } = relay(blocked, { choices: 2 });
    expect(failure).toBeUndefined();
    expect(bytes).toContain('"blockReason":"SAFETY"');
    expect(bytes).toContain('"cost":0.0001');
  });

  test('converts what SDKs would skip or fail at', () => {
    const strange = `id: 1\nevent: x\n${event(textChunk('a'))}`;
    const { bytes } = relay(`: early\n\n${first}: ping\n\n${strange}${last}`);
    expect(bytes).toBe(`${first}${event(textChunk('a')).replaceAll('\r\n', '\n')}${pricedLast}`);
  });

  test('marks events before the first content', () => {
    const { results } = relay(event({ usageMetadata: { promptTokenCount: 1 } }) + event(textChunk('')) + first + last);
    expect(results.map((result) => result.isPreamble)).toEqual([true, true, false, false]);
  });
});

describe('an incomplete stream is never shown as complete', () => {
  const error = { error: { code: 503, message: 'm', status: 'UNAVAILABLE' } };
  test.each<[string, string, string]>([
    ['closed before the end', first, 'upstream_stream_cut'],
    ['closed at once', '', 'upstream_stream_cut'],
    ['no JSON', `${first}data: {"candid\n\n`, 'upstream_malformed'],
    ['no object', `${first}data: 1\n\n`, 'upstream_malformed'],
    ['an error', first + event(error), 'upstream_overloaded'],
    ['an error in a list', first + event([error]), 'upstream_overloaded'],
    ['an error without data: after a finish', `${last}${JSON.stringify(error, null, 1)}\n\n`, 'upstream_overloaded'],
  ])('%s', (_name, text, code) => {
    const { failure, bytes } = relay(text);
    expect(failure?.code).toBe(code);
    expect(bytes).not.toContain('cost');
  });

  test('ends only when both candidates have finished', () => {
    expect(relay(last, { choices: 2 }).failure?.code).toBe('upstream_stream_cut');
  });
});

describe('a stream without alt=sse', () => {
  test('is one array of the provider’s chunks', () => {
    const { bytes } = relay(`${first}: ping\n\n${last}`, {}, geminiArrayClient);
    const chunkOf = (text: string) => text.slice('data: '.length).trim();
    expect(bytes).toBe(`[${chunkOf(first)},\r\n${chunkOf(pricedLast)}\n]`);
  });

  test('accepts white space before and between chunks', () => {
    const blank = geminiArrayClient.keepAlive.between.toString();
    const { results } = relay(first + first + last, {}, geminiArrayClient);
    const text = results.map((result) => blank + (result.bytes?.toString() ?? '')).join('');
    expect(JSON.parse(`${text}]`)).toHaveLength(2);
  });
});

describe('a whole answer', () => {
  const body = (answer: object) =>
    geminiClient.passThrough.relayBody(Buffer.from(JSON.stringify(answer)), relayContext);

  test('has the provider’s bytes with the cost added', () => {
    const answer = { ...textChunk('Hi', STOP), ...usage(2) };
    const relayed = body(answer);
    expect(relayed.body.toString()).toBe(JSON.stringify(answer).replace(/"usageMetadata".*\}/, PRICED));
    expect(relayed.usage).toMatchObject({ inputTokens: 8, outputTokens: 2 });
  });

  test('without usage gets Sluice’s estimate', () => {
    const relayed = body(textChunk('Hello you', STOP));
    expect(JSON.parse(relayed.body.toString())).toMatchObject({
      usageMetadata: { candidatesTokenCount: 3, cost: 0.000011 },
    });
  });

  test.each([
    ['nothing', {}, 'upstream_malformed'],
    ['an error', { error: { code: 500, message: 'm' } }, 'upstream_server_error'],
  ])('%s is a failure', (_name, answer, code) => {
    expect(body(answer).failure?.code).toBe(code);
  });

  test('a token count is passed on without usage or cost', () => {
    const { relayBody } = geminiCountTokensClient.passThrough;
    expect(relayBody(Buffer.from('{"totalTokens": 31}'), relayContext)).toMatchObject({ usage: { inputTokens: 0 } });
    expect(relayBody(Buffer.from('{"totalTokens": 31}'), relayContext).body.toString()).toBe('{"totalTokens": 31}');
    expect(relayBody(Buffer.from('{}'), relayContext).failure?.code).toBe('upstream_malformed');
  });
});
