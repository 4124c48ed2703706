// Legacy completions, streamed and not.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { eventsOf } from './chat-events.ts';
import { ask, chat } from './client.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12 });
});
beforeEach(() => simulator.bill.clear());
afterAll(() => simulator.close());

const complete = (prompt: unknown, more: object = {}) =>
  ask(simulator, { path: '/v1/completions', body: { model: 'gpt-4o', prompt, ...more } });

describe('a completion', () => {
  test('has the text that Chat Completions would have', async () => {
    const [{ text }, inChat] = [await complete('Hello.'), await ask(simulator, { body: chat('Hello.') })];
    const { choices, usage, ...rest } = JSON.parse(text);
    expect(rest).toMatchObject({ id: expect.stringMatching(/^cmpl-/), object: 'text_completion', model: 'gpt-4o' });
    expect(choices).toEqual([
      { text: JSON.parse(inChat.text).choices[0].message.content, index: 0, logprobs: null, finish_reason: 'stop' },
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 12, total_tokens: 14 });
  });

  test('has 16 tokens unless the request allows more', async () => {
    const lengthOf = async (more: object) => JSON.parse((await complete('[[sim tokens=40]]', more)).text).choices[0];
    expect(await lengthOf({})).toMatchObject({ text: expect.stringMatching(/^.{64}$/), finish_reason: 'length' });
    expect(await lengthOf({ max_tokens: 20 })).toMatchObject({ text: expect.stringMatching(/^.{80}$/) });
  });

  test('is returned for every prompt, as often as requested', async () => {
    const { choices } = JSON.parse((await complete(['One.', 'Two.'], { n: 2 })).text);
    expect(choices.map(({ index }: { index: number }) => index)).toEqual([0, 1, 2, 3]);
  });

  test('is the same in a stream, with usage if requested', async () => {
    const { text } = await complete('Hello.');
    const { pieces } = await complete('Hello.', { stream: true, stream_options: { include_usage: true } });
    const events = eventsOf(pieces);
    expect(events.pop()).toBe('[DONE]');
    const chunks = events.map((data) => JSON.parse(data));
    expect(chunks.pop()).toMatchObject({ choices: [], usage: { completion_tokens: 12 } });
    expect(chunks.at(-1).choices[0]).toMatchObject({ text: '', finish_reason: 'stop' });
    expect(chunks.map(({ choices }) => choices[0].text).join('')).toBe(JSON.parse(text).choices[0].text);
  });

  test('can be cut off, and is billed up to there', async () => {
    const { ending, pieces } = await complete('[[sim fault=cut@3]]', { stream: true });
    expect(ending).toBe('broken');
    expect(eventsOf(pieces)).toHaveLength(3);
    expect(simulator.bill.entries()).toMatchObject([{ usage: { outputTokens: 3 }, outcome: 'broken' }]);
  });

  test('without a prompt is refused', async () => {
    const { status, text } = await complete(undefined);
    expect({ status, ...JSON.parse(text).error }).toMatchObject({ status: 400, param: 'prompt' });
  });
});
