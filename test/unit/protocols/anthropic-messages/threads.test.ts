// Conversations stored at Anthropic (`thread`, beta message-threads-2026-08-12): a turn contains new messages only, so
// another provider would answer without the rest of the conversation.
import { describe, expect, test } from 'vitest';
import type { Cure, Failure } from '#src/contracts/failure.ts';
import { isFailure } from '#src/contracts/failure.ts';
import {
  encodeMessagesFailure,
  encodeMessagesFailureEvent,
  readMessagesEventFailure,
  readMessagesFailure,
} from '#src/protocols/anthropic-messages/failures.ts';
import { readMessagesRequest } from '#src/protocols/anthropic-messages/request/read-request.ts';
import { type PreparedCall, prepareCall } from '#src/protocols/call/prepare-call.ts';
import { encodeGeminiFailure, readGeminiFailure } from '#src/protocols/gemini-generate-content/failures.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';

const PROVIDER = {
  ...{ name: 'acme', apiKey: null, credentialHeader: null, paths: {}, query: {} },
  ...{ canReportStreamUsage: true, prefill: null },
};
const least = { model: 'm', max_tokens: 5, messages: [{ role: 'user', content: 'And?' }] };
const CONTINUED = { type: 'continue', previous_message_id: 'msg_1' };

function prepare(protocol: string, body: object, cures: Cure[] = []): PreparedCall | Failure {
  return prepareCall(findProtocolRoute('anthropic-messages', [protocol])!, PROVIDER, {
    body: Buffer.from(JSON.stringify({ ...least, ...body })),
    upstreamModel: protocol === 'anthropic-messages' ? 'claude-opus-5' : 'some-model',
    isStream: false,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(cures),
  });
}

const OTHERS = ['openai-chat', 'openai-responses', 'gemini-generate-content'];

describe.each(OTHERS)('to a provider of %s', (protocol) => {
  test.each([
    ['begun', { thread: { type: 'create' } }],
    ['continued', { thread: CONTINUED }],
    ['in extra_body', { extra_body: { thread: CONTINUED } }],
  ])('a thread that is %s is refused with the error that SDKs handle', (_name, body) => {
    const failure = prepare(protocol, body);
    if (!isFailure(failure)) throw new Error('it was sent');
    const { status, body: bytes } = encodeMessagesFailure(failure, 'req_1');
    expect([status, JSON.parse(bytes.toString())]).toEqual([
      400,
      {
        type: 'error',
        error: {
          type: 'invalid_request_error',
          message: expect.stringContaining('thread: '),
          details: { error_code: 'thread_unsupported_request', unsupported: ['model'] },
        },
        request_id: 'req_1',
      },
    ]);
  });

  test('a required region is refused, the global one is not', () => {
    expect(prepare(protocol, { inference_geo: 'us' })).toMatchObject({
      code: 'parameter_unsupported',
      param: 'inference_geo',
    });
    expect(prepare(protocol, { inference_geo: 'global', thread: null })).toMatchObject({ dropped: ['inference_geo'] });
  });

  test('structured output in its older field is kept', () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } } };
    const call = prepare(protocol, { output_format: { type: 'json_schema', schema } }) as PreparedCall;
    expect(call.dropped).toEqual([]);
    expect(call.request.body.toString()).toContain('"integer"');
  });

  test('the summary of a compacted conversation is sent', () => {
    const block = { type: 'compaction', content: 'They spoke of Rome.', signature: 'c2ln' };
    const messages = [{ role: 'assistant', content: [block] }, ...least.messages];
    const call = prepare(protocol, { messages }) as PreparedCall;
    expect(call.request.body.toString()).toContain('They spoke of Rome.');
  });
});

describe('to Anthropic', () => {
  test('a thread is passed on, unchanged or encoded', () => {
    for (const cures of [[], ['adapt']] as Cure[][]) {
      const call = prepare('anthropic-messages', { thread: CONTINUED, inference_geo: 'us' }, cures) as PreparedCall;
      expect(JSON.parse(call.request.body.toString())).toMatchObject({ thread: CONTINUED, inference_geo: 'us' });
      expect(call.dropped).toEqual([]);
    }
  });

  test('a paused answer is resumed without a message', () => {
    expect(readMessagesRequest({ ...least, messages: [], thread: CONTINUED })).toMatchObject({ model: 'm' });
    expect(readMessagesRequest({ ...least, messages: [], thread: { type: 'create' } })).toMatchObject({
      param: 'messages',
    });
  });
});

describe('details of a provider’s error', () => {
  const error = (type: string, details: unknown) => ({ type: 'error', error: { type, message: 'said', details } });
  const throughSluice = (status: number, body: unknown) => {
    const failure = readMessagesFailure({ status, headers: {} }, Buffer.from(JSON.stringify(body)), 0);
    const answer = encodeMessagesFailure(JSON.parse(JSON.stringify(failure)) as Failure, 'req_1');
    return [answer.status, JSON.parse(answer.body.toString()).error];
  };

  test.each([
    [404, 'not_found_error', { error_code: 'thread_not_found' }],
    [400, 'invalid_request_error', { error_code: 'thread_already_continued' }],
    [400, 'invalid_request_error', { error_code: 'thread_unsupported_request', unsupported: ['fallbacks'] }],
    [400, 'invalid_request_error', { error_code: 'compaction_incomplete_turn', more: [1, { a: null }] }],
    [413, 'request_too_large', { error_code: 'request_body_too_large_after_decoding' }],
  ])('%i %s %o reaches the client as it is', (status, type, details) => {
    expect(throughSluice(status, error(type, details))).toEqual([status, { type, message: 'said', details }]);
  });

  test('in a stream, too', () => {
    const details = { error_code: 'thread_continue_in_flight' };
    const failure = readMessagesEventFailure(error('invalid_request_error', details));
    expect(encodeMessagesFailureEvent(failure, 'req_1').toString()).toContain(JSON.stringify(details));
  });

  test('details about the broker’s account and keys are not passed on', () => {
    const [, shown] = throughSluice(429, error('rate_limit_error', { error_code: 'enforced_spend_limit_reached' }));
    expect(shown).not.toHaveProperty('details');
    const [, redacted] = throughSluice(400, error('invalid_request_error', { key: 'sk-ant-abcdef123456' }));
    expect(redacted).toMatchObject({ details: { key: '[redacted]' } });
  });

  test('Google’s details follow Sluice’s own', () => {
    const violations = {
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: [{ field: 'contents' }],
    };
    const body = { error: { code: 400, message: 'said', status: 'INVALID_ARGUMENT', details: [violations] } };
    const failure = readGeminiFailure({ status: 400, headers: {} }, Buffer.from(JSON.stringify(body)), 0);
    const { details } = JSON.parse(encodeGeminiFailure(failure, 'req_1').body.toString()).error;
    expect(details).toEqual([expect.objectContaining({ reason: 'UPSTREAM_BAD_REQUEST' }), violations]);
  });
});
