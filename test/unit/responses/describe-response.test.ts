import { describe, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { emptyResponse, endedResponse, runningResponse } from '#src/responses/describe-response.ts';
import { responseIdOf } from '#src/responses/items.ts';
import { helloEvents, responseSpec, writeEvents } from '#test/support/response-spec.ts';

const BODY = { model: 'm', input: 'x', instructions: 'Be brief.', metadata: { a: 'b' } };
const parse = (text: string) => JSON.parse(text) as Record<string, unknown>;

describe('a response', () => {
  test('that is queued echoes the request, in every member that the types require', () => {
    const spec = responseSpec({ isBackground: true, previousResponseId: 'resp_0' });
    expect(emptyResponse(spec, BODY, 'queued')).toMatchObject({
      id: responseIdOf(spec.requestId),
      object: 'response',
      created_at: 1_795_000_000,
      status: 'queued',
      background: true,
      store: true,
      previous_response_id: 'resp_0',
      instructions: 'Be brief.',
      metadata: { a: 'b' },
      error: null,
      incomplete_details: null,
      output: [],
      usage: null,
      tools: [],
      tool_choice: 'auto',
      parallel_tool_calls: true,
    });
  });

  test('that runs has its output so far', () => {
    const spec = responseSpec({ conversationId: 'conv_1' });
    const running = runningResponse(spec, BODY, writeEvents(helloEvents().slice(0, 5)), 'in_progress');
    expect(running).toMatchObject({
      id: responseIdOf(spec.requestId),
      model: 'provider-model',
      status: 'in_progress',
      conversation: { id: 'conv_1' },
      output: [{ content: [{ text: 'Hello ' }] }],
    });
  });

  test('that completed has exactly the bytes that were sent', () => {
    const events = writeEvents(helloEvents());
    const streamed = endedResponse(responseSpec(), BODY, { bytes: events, failure: null }, 'ok');
    expect(streamed.status).toBe('completed');
    expect(parse(streamed.response)).toEqual(helloEvents().at(-1)!.response);
    const bytes = Buffer.from('{"status":"incomplete","cost":0.10}');
    const whole = endedResponse(responseSpec({}, { isStream: false }), BODY, { bytes, failure: null }, 'ok');
    expect(whole).toEqual({ status: 'incomplete', response: bytes.toString() });
  });

  test.each([
    ['upstream_rate_limited', 'rate_limit_exceeded'],
    ['upstream_content_filter', 'invalid_prompt'],
    ['upstream_server_error', 'server_error'],
    ['internal', 'server_error'],
  ] as const)('that failed with %s has %s', (code, shown) => {
    const failure = createFailure(code, 'What happened.');
    const { status, response } = endedResponse(responseSpec(), BODY, { bytes: Buffer.alloc(0), failure }, code);
    expect(status).toBe('failed');
    expect(parse(response)).toMatchObject({ status: 'failed', error: { code: shown, message: 'What happened.' } });
  });

  test('that broke off keeps its output and the error', () => {
    const error = { type: 'error', code: 'x', message: 'It broke.' };
    const bytes = writeEvents([...helloEvents().slice(0, 5), error]);
    const { response } = endedResponse(responseSpec(), BODY, { bytes, failure: null }, 'upstream_stream_cut');
    expect(parse(response)).toMatchObject({
      status: 'failed',
      error: { message: 'It broke.' },
      output: [{ content: [{ text: 'Hello ' }] }],
    });
  });

  test('that was cancelled has no error', () => {
    const bytes = writeEvents(helloEvents().slice(0, 5));
    const ended = endedResponse(responseSpec(), BODY, { bytes, failure: null }, 'request_cancelled');
    expect(parse(ended.response)).toMatchObject({ status: 'cancelled', error: null, completed_at: null });
  });
});
