import { describe, expect, test } from 'vitest';
import { ChatStreamRelay } from '#src/protocols/openai-chat/stream/relay-stream.ts';
import { chunk, DONE, delta, relayAll, relayContext, usage, usageChunk } from './streams.ts';

const open = (choices = 1) => new ChatStreamRelay({ ...relayContext, usageDelivery: 'last-event', choices });
const text = delta({ content: 'Hi' });
const stop = delta({}, 'stop');
const priced = { ...usage, cost: 0.00001 };
const choice = (finish: string, index = 0) => ({ index, delta: {}, finish_reason: finish });
const withUsage = (choices: object[], more: object = {}) => chunk({ ...more, choices, usage: priced, cost: 0.0001 });

describe('a client that finds usage in the last chunk', () => {
  test('has it beside the finish reason, and no chunk without choices', () => {
    const { bytes, failure } = relayAll(open(), text + stop + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
    expect(failure).toBeUndefined();
  });

  test('gets everything before the finish at once, the finish only when usage is known', () => {
    const { results } = relayAll(open(), text + stop + usageChunk + DONE);
    expect(results.map(({ bytes }) => bytes !== null)).toEqual([true, false, true, true]);
  });

  test('gets the finish at once where the provider’s own finish has the usage', () => {
    const finish = chunk({ choices: [choice('stop')], usage });
    const { bytes, results } = relayAll(open(), text + finish + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
    expect(results[1]!.bytes).not.toBeNull();
  });

  test('has the broker’s estimate where the provider has none', () => {
    const { bytes } = relayAll(open(), text + stop + DONE);
    expect(bytes).toContain('"finish_reason":"stop"}],"usage":{"prompt_tokens":8,"completion_tokens":1');
    expect(bytes).toContain('"cost":0.0001}');
    expect(bytes.endsWith(DONE)).toBe(true);
  });

  test('has it in the chunk of the last choice to finish', () => {
    const first = delta({}, 'stop', 1);
    const { bytes } = relayAll(open(2), text + first + text + stop + usageChunk + DONE);
    expect(bytes).toBe(text + first + text + withUsage([choice('stop')]) + DONE);
  });

  test('has it though the provider gave fewer answers than were asked for', () => {
    const { bytes } = relayAll(open(2), text + stop + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
  });

  test('has it in the second finish of a provider that says it twice (OpenRouter)', () => {
    const again = chunk({ choices: [choice('stop')], usage });
    const { bytes } = relayAll(open(), text + stop + again + DONE);
    expect(bytes).toBe(text + stop + withUsage([choice('stop')]) + DONE);
  });

  test('sees content filter results that come after the finish, after it', () => {
    const trailer = chunk({ choices: [{ index: 0, finish_reason: null, content_filter_offsets: { start: 1 } }] });
    const { bytes } = relayAll(open(), text + stop + trailer + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + trailer + DONE);
  });

  test('sees no `usage: null` and no running totals', () => {
    const noted = (said: string, usageSoFar: unknown) =>
      chunk({ choices: [{ index: 0, delta: { content: said }, finish_reason: null }], usage: usageSoFar });
    const running = noted('Hi', null) + noted(' you', usage);
    const { bytes } = relayAll(open(), running + stop + DONE);
    expect(bytes.startsWith(text + delta({ content: ' you' }))).toBe(true);
    expect(bytes).toContain(JSON.stringify(priced));
  });

  test('keeps what the provider counts beyond the usual, and its own price', () => {
    const own = { ...usage, cost: 0.000012345678, cost_details: { x: 1 } };
    const { bytes } = relayAll(open(), text + stop + chunk({ choices: [], usage: own }) + DONE);
    expect(bytes).toContain('"cost":0.000012345678,"cost_details":{"x":1}},"cost":0.0001}');
  });

  test('is given a finish by a provider that said [DONE] and never why', () => {
    const { bytes } = relayAll(open(), text + usageChunk + DONE);
    expect(bytes).toBe(text + withUsage([choice('stop')]) + DONE);
    const call = delta({
      tool_calls: [{ index: 0, id: 'a', type: 'function', function: { name: 'f', arguments: '' } }],
    });
    expect(relayAll(open(), call + DONE).bytes).toContain('"finish_reason":"tool_calls"');
  });

  test('is not told that an answer ended which then broke', () => {
    const { bytes, failure } = relayAll(open(2), text + stop);
    expect(bytes).toBe(text);
    expect(failure?.code).toBe('upstream_stream_cut');
  });

  test('has the same bytes however the stream is cut', () => {
    const stream = chunk({ choices: [], prompt_filter_results: [] }) + text + stop + usageChunk + DONE;
    const whole = relayAll(open(), stream).bytes;
    for (let size = 1; size < 40; size++) expect(relayAll(open(), stream, size).bytes).toBe(whole);
  });
});
