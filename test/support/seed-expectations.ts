// The fields that the documents promise, in whole answers and in streams.
import { expect } from 'vitest';

const COUNT = expect.any(Number) as number;
const TEXT = expect.any(String) as string;

/** In addition to these, every count may have details. */
const USAGE = { prompt_tokens: COUNT, completion_tokens: COUNT, total_tokens: COUNT };

export function expectCompletion(answer: unknown, model: string): void {
  expect(answer).toMatchObject({
    id: expect.stringMatching(/^chatcmpl/),
    object: 'chat.completion',
    created: COUNT,
    model: expect.any(String),
    choices: [{ index: 0, message: { role: 'assistant', content: TEXT }, finish_reason: 'stop' }],
    usage: { ...USAGE, cost: COUNT },
    cost: COUNT,
  });
  const { choices, usage, cost } = answer as {
    choices: { message: object }[];
    usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number; cost: number };
    cost: number;
  };
  expect(choices[0]!.message).toHaveProperty('refusal', null);
  expect(usage.total_tokens, model).toBe(usage.prompt_tokens + usage.completion_tokens);
  expectCharge(usage.cost, cost);
}

/** The true cost, rounded up to the nearest 1/10,000 USD. */
function expectCharge(cost: number, charge: number): void {
  expect(cost).toBeGreaterThan(0);
  expect(charge).toBeCloseTo(Math.ceil(cost * 10_000) / 10_000, 10);
}

export function expectResponse(answer: unknown): void {
  expect(answer).toMatchObject({
    id: expect.stringMatching(/^resp_/),
    object: 'response',
    created_at: COUNT,
    model: expect.any(String),
    usage: { input_tokens: COUNT, output_tokens: COUNT, total_tokens: COUNT, cost: COUNT },
    cost: COUNT,
  });
  const { output, usage, cost } = answer as {
    output: { type: string }[];
    usage: { cost: number };
    cost: number;
  };
  expect(output.find(({ type }) => type === 'message')).toMatchObject({
    role: 'assistant',
    content: [{ type: 'output_text', text: TEXT }],
  });
  expectCharge(usage.cost, cost);
}

interface Chunk {
  choices: { delta: { role?: string; content?: string | null }; finish_reason: string | null }[];
  usage?: { cost?: number } | null;
  cost?: number;
}

/** The `data:` lines of a stream; `[DONE]` is not one of them. */
export function readEvents(text: string): { type?: string }[] {
  const lines = text.split(/\r?\n/).filter((line) => line.startsWith('data: '));
  const events = lines.filter((line) => line !== 'data: [DONE]');
  return events.map((line) => JSON.parse(line.slice('data: '.length)) as { type?: string });
}

/** The combined text of the chunks. */
export function expectChunks(events: readonly unknown[]): string {
  const chunks = events as Chunk[];
  for (const chunk of chunks) {
    expect(chunk).toMatchObject({ id: expect.stringMatching(/^chatcmpl/), object: 'chat.completion.chunk' });
    expect(chunk).toMatchObject({ created: COUNT, model: expect.any(String) });
    // The documented examples read `choices[0]` of every chunk.
    expect(chunk.choices).toHaveLength(1);
  }
  expect(chunks.filter(({ choices }) => choices[0]!.finish_reason !== null)).toHaveLength(1);
  return chunks.map(({ choices }) => choices[0]!.delta.content ?? '').join('');
}

/** ImageRouter: the final chunk carries token usage and the true cost, without a request for it. */
export function expectCostInLastChunk(events: readonly unknown[]): void {
  const chunks = events as Chunk[];
  const last = chunks.at(-1)!;
  expect(last).toMatchObject({ usage: { ...USAGE, cost: COUNT }, cost: COUNT });
  expectCharge(last.usage!.cost!, last.cost!);
  expect(chunks.slice(0, -1).every(({ usage }) => usage === undefined || usage === null)).toBe(true);
}

/** The last event of a Responses stream carries usage and cost; gives the text of the deltas. */
export function expectResponseEvents(events: readonly { type?: string }[]): string {
  expect(events[0]).toMatchObject({ type: 'response.created' });
  const last = events.at(-1) as { type: string; response: unknown };
  expect(last.type).toBe('response.completed');
  expectResponse(last.response);
  return events
    .map((event) => (event.type === 'response.output_text.delta' ? (event as { delta: string }).delta : ''))
    .join('');
}
