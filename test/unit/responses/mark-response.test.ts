import { describe, expect, test } from 'vitest';
import { ResponsesStreamRelay, relayResponsesBody } from '#src/protocols/openai-responses/stream/relay.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { SseSplitter } from '#src/protocols/wire/sse-splitter.ts';
import { markTranslation } from '#src/responses/mark-response.ts';
import { helloEvents, writeEvents } from '#test/support/response-spec.ts';

const CONTEXT: RelayContext = {
  usageDelivery: 'own-event',
  choices: 1,
  estimatedInputTokens: 1,
  priceUsage: () => ({ cost: '0.25', charge: '0.2500' }),
};
const mark = (firstNumber: number | null) =>
  markTranslation(
    { openStream: (context) => new ResponsesStreamRelay(context), relayBody: relayResponsesBody },
    { members: { id: 'resp_ours', store: true }, firstNumber, nowSeconds: () => 7 },
  );

function relay(bytes: Buffer, firstNumber: number | null = null): string {
  const stream = mark(firstNumber).openStream(CONTEXT);
  return new SseSplitter()
    .push(bytes)
    .map((event) => stream.accept(event).bytes?.toString() ?? '')
    .join('');
}

const eventsOf = (text: string) =>
  [...text.matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!) as Record<string, Record<string, unknown>>);

describe('an answer that can be retrieved', () => {
  test('has Sluice’s id wherever the provider’s was', () => {
    const events = eventsOf(relay(writeEvents(helloEvents())));
    const responses = events.flatMap(({ response }) => (response === undefined ? [] : [response]));
    expect(responses).toHaveLength(3);
    for (const response of responses) expect(response).toMatchObject({ id: 'resp_ours', store: true });
    expect(responses.at(-1)).toMatchObject({ completed_at: 7, usage: { cost: 0.25 } });
    expect(responses[0]).toMatchObject({ completed_at: null });
  });

  test('otherwise equals the provider’s, byte for byte', () => {
    const [, , ...rest] = helloEvents().slice(0, -1);
    expect(relay(writeEvents(rest))).toBe(writeEvents(rest).toString());
  });

  test('a text that looks like a response is unchanged', () => {
    const delta = { type: 'response.output_text.delta', output_index: 0, delta: '"response":{"id":"x"}' };
    expect(relay(writeEvents([delta]))).toBe(writeEvents([delta]).toString());
  });

  test('continues the numbering that Sluice has started, and does not start again', () => {
    const events = eventsOf(relay(writeEvents(helloEvents(), 5), 2));
    expect(events.map((event) => event.sequence_number)).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
    expect(events[0]).toMatchObject({ type: 'response.in_progress', response: { id: 'resp_ours' } });
  });

  test('unstreamed it is the same, and the provider’s time stays', () => {
    const body = ' {"id":"resp_provider","status":"completed","completed_at":5,"output":[],"n":12345678901234567890}';
    const relayed = mark(null).relayBody(Buffer.from(body), CONTEXT).body.toString();
    expect(JSON.parse(relayed)).toMatchObject({ id: 'resp_ours', store: true, completed_at: 5 });
    expect(relayed).toContain('12345678901234567890');
  });

  test('a failure is passed on unchanged', () => {
    expect(mark(null).relayBody(Buffer.from('{"error":{"message":"no"}}'), CONTEXT).failure).toBeDefined();
  });
});
