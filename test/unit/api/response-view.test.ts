import { describe, expect, test } from 'vitest';
import { ResponseView } from '#src/api/relay/background.ts';
import { createFailure } from '#src/contracts/failure.ts';
import { helloEvents, writeEvents } from '#test/support/response-spec.ts';

const QUEUED = { id: 'resp_ours', status: 'queued', output: [] };
const eventsOf = (bytes: Buffer) =>
  [...bytes.toString().matchAll(/^data: (.+)$/gm)].map(([, data]) => JSON.parse(data!) as Record<string, unknown>);
const numbersOf = (bytes: Buffer) => eventsOf(bytes).map((event) => event.sequence_number);

describe('the stream of a background response', () => {
  test('begins with created and queued, without a gap afterwards', () => {
    const view = new ResponseView(QUEUED, -1);
    expect(eventsOf(view.opening)).toEqual([
      { type: 'response.created', sequence_number: 0, response: QUEUED },
      { type: 'response.queued', sequence_number: 1, response: QUEUED },
    ]);
    expect(numbersOf(view.pass(writeEvents(helloEvents().slice(1), 2)))).toEqual([2, 3, 4, 5, 6, 7, 8, 9]);
  });

  test('resumed after an event has what follows it, however the bytes are split', () => {
    const view = new ResponseView(QUEUED, 4);
    expect(view.opening).toHaveLength(0);
    const bytes = writeEvents(helloEvents(), 1);
    const shown = [bytes.subarray(0, 700), bytes.subarray(700)].map((part) => view.pass(part));
    expect(numbersOf(Buffer.concat(shown))).toEqual([5, 6, 7, 8, 9]);
  });

  test('ends with an error inside it, with the output until then', () => {
    const view = new ResponseView(QUEUED, -1);
    view.pass(writeEvents(helloEvents().slice(0, 5), 1));
    const [end] = eventsOf(view.pass(writeEvents([{ type: 'error', code: 'server_error', message: 'It broke.' }])));
    expect(end).toMatchObject({
      type: 'response.failed',
      sequence_number: 6,
      response: { id: 'resp_ours', status: 'failed', error: { message: 'It broke.' }, output: [{ id: 'msg_1' }] },
    });
  });

  test('ends with a failure before any output', () => {
    const view = new ResponseView(QUEUED, 0);
    expect(numbersOf(view.opening)).toEqual([1]);
    const [failed] = eventsOf(view.end(createFailure('upstream_rate_limited', 'Too much.')));
    expect(failed).toMatchObject({ type: 'response.failed', sequence_number: 2 });
    const [cancelled] = eventsOf(view.end(createFailure('request_cancelled', 'Stopped.')));
    expect(cancelled).toMatchObject({ type: 'response.cancelled', response: { status: 'cancelled', error: null } });
  });
});
