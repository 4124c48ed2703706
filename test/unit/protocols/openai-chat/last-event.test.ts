import { describe, expect, test } from 'vitest';
import { ChatStreamRelay } from '#src/protocols/openai-chat/stream/relay-stream.ts';
import { chunk, DONE, delta, relayAll, relayContext, usage, usageChunk } from './streams.ts';

const open = (choices = 1) => new ChatStreamRelay({ ...relayContext, usageDelivery: 'last-event', choices });
const text = delta({ content: 'Hi' });
const stop = delta({}, 'stop');
const priced = { ...usage, cost: 0.00001 };
const choice = (finish: string, index = 0) => ({ index, delta: {}, finish_reason: finish });
const withUsage = (choices: object[], more: object = {}) => chunk({ ...more, choices, usage: priced, cost: 0.0001 });

describe('a client that expects usage in the last chunk', () => {
  test('gets it with the finish reason, and no chunk without choices', () => {
    const { bytes, failure } = relayAll(open(), text + stop + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
    expect(failure).toBeUndefined();
  });

  test('gets everything before the finish at once, the finish only when usage is known', () => {
    const { results } = relayAll(open(), text + stop + usageChunk + DONE);
    expect(results.map(({ bytes }) => bytes !== null)).toEqual([true, false, true, true]);
  });

  test('gets the finish at once if the provider’s finish has the usage', () => {
    const finish = chunk({ choices: [choice('stop')], usage });
    const { bytes, results } = relayAll(open(), text + finish + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
    expect(results[1]!.bytes).not.toBeNull();
  });

  test('gets Sluice’s estimate if the provider has none', () => {
    const { bytes } = relayAll(open(), text + stop + DONE);
    expect(bytes).toContain('"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":1');
    expect(bytes).toContain('"cost":0.0001}');
    expect(bytes.endsWith(DONE)).toBe(true);
  });

  test('gets it in the chunk of the choice that finishes last', () => {
    const first = delta({}, 'stop', 1);
    const { bytes } = relayAll(open(2), text + first + text + stop + usageChunk + DONE);
    expect(bytes).toBe(text + first + text + withUsage([choice('stop')]) + DONE);
  });

  test('gets it even if the provider returned fewer choices than requested', () => {
    const { bytes } = relayAll(open(2), text + stop + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
  });

  test('gets it in the second finish of a provider that sends two (OpenRouter)', () => {
    const again = chunk({ choices: [choice('stop')], usage });
    const { bytes } = relayAll(open(), text + stop + again + DONE);
    expect(bytes).toBe(text + stop + withUsage([choice('stop')]) + DONE);
  });

  test('gets content filter results after the finish if they come after it', () => {
    const trailer = chunk({ choices: [{ index: 0, finish_reason: null, content_filter_offsets: { start: 1 } }] });
    const { bytes } = relayAll(open(), text + stop + trailer + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + trailer + DONE);
  });

  test('gets no `usage: null` and no running totals', () => {
    const noted = (said: string, usageSoFar: unknown) =>
      chunk({ choices: [{ index: 0, delta: { content: said }, finish_reason: null }], usage: usageSoFar });
    const running = noted('Hi', null) + noted(' you', usage);
    const { bytes } = relayAll(open(), running + stop + DONE);
    expect(bytes.startsWith(text + delta({ content: ' you' }))).toBe(true);
    expect(bytes).toContain(JSON.stringify(priced));
  });

  test('gets the provider’s additional counts and its own price', () => {
    const own = { ...usage, cost: 0.000012345678, cost_details: { x: 1 } };
    const { bytes } = relayAll(open(), text + stop + chunk({ choices: [], usage: own }) + DONE);
    expect(bytes).toContain('"cost":0.000012345678,"cost_details":{"x":1}},"cost":0.0001}');
  });

  test('gets a finish reason if the provider sent only [DONE]', () => {
    const { bytes } = relayAll(open(), text + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
    const call = delta({
      tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }],
    });
    expect(relayAll(open(), call + DONE).bytes).toContain('"finish_reason":"tool_calls"');
  });

  test('gets no finish if the answer then broke off', () => {
    const { bytes, failure } = relayAll(open(2), text + stop);
    expect(bytes).toBe(text);
    expect(failure?.code).toBe('upstream_stream_cut');
  });

  test('gets the same bytes however the stream is split', () => {
    const stream = chunk({ choices: [], prompt_filter_results: [] }) + text + stop + usageChunk + DONE;
    const whole = relayAll(open(), stream).bytes;
    for (let size = 1; size < 40; size++) expect(relayAll(open(), stream, size).bytes).toBe(whole);
  });
});
