// What resolves a provider's refusal, and the form of a request that is sent again.
import { describe, expect, test } from 'vitest';
import { type Cure, isFailure } from '#src/contracts/failure.ts';
import { cureFor, isCurable, type ProviderDialect, prepareCall } from '#src/protocols/call/prepare-call.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { findProtocolRoute } from '#src/protocols/registry.ts';

const PROVIDER: ProviderDialect = {
  name: 'vendor',
  apiKey: null,
  credentialHeader: null,
  paths: {},
  query: {},
  canReportStreamUsage: true,
  prefill: null,
};

function prepare(clientName: string, protocol: string, upstreamModel: string, body: object, cures: Cure[]) {
  const call = prepareCall(findProtocolRoute(clientName, [protocol])!, PROVIDER, {
    body: Buffer.from(JSON.stringify(body)),
    upstreamModel,
    isStream: false,
    requestId: 'req_1',
    acceptedAtMs: 0,
    forwardedHeaders: {},
    cures: new Set(cures),
  });
  if (isFailure(call)) throw new Error(call.message);
  return { body: JSON.parse(call.request.body.toString()) as JsonObject, dropped: call.dropped };
}

describe('a refusal that is corrected', () => {
  const cureOf = (protocol: string, error: object): Cure | undefined => {
    const { upstream } = findProtocolRoute(protocol, [protocol])!;
    return upstream.readFailure({ status: 400, headers: {} }, Buffer.from(JSON.stringify({ error })), 0).cure;
  };

  test.each<[string, string, object, Cure | undefined]>([
    [
      'a thought of another model',
      'anthropic-messages',
      { type: 'invalid_request_error', message: 'messages.1.content.0: Invalid `signature` in `thinking` block' },
      'forget-thoughts',
    ],
    [
      'a thought that is missing',
      'anthropic-messages',
      { message: 'messages.1.content.0.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`.' },
      'forget-thoughts',
    ],
    [
      'a thought that was changed',
      'anthropic-messages',
      { message: '`thinking` or `redacted_thinking` blocks in the latest assistant message cannot be modified.' },
      'forget-thoughts',
    ],
    ['sampling', 'anthropic-messages', { message: '`temperature` is not supported for this model.' }, 'adapt'],
    ['a request that is wrong', 'anthropic-messages', { message: 'messages: at least one is required' }, undefined],
    ['foreign reasoning', 'openai-responses', { code: 'invalid_encrypted_content', message: 'x' }, 'forget-thoughts'],
    [
      'a parameter',
      'openai-chat',
      {
        code: 'unsupported_parameter',
        message: "Unsupported parameter: 'max_tokens' is not supported with this model.",
      },
      'adapt',
    ],
    [
      'a value',
      'openai-chat',
      {
        code: 'unsupported_value',
        message: "Unsupported value: 'temperature' does not support 0.2 with this model.",
      },
      'adapt',
    ],
    [
      'an id that is too long',
      'openai-chat',
      {
        code: 'string_above_max_length',
        message:
          "Invalid 'messages[2].tool_calls[0].id': string too long. Expected a string with maximum length 40, but got a string with length 41 instead.",
      },
      'fit',
    ],
    [
      'a strange name',
      'openai-responses',
      { code: 'invalid_value', message: "Invalid 'tools[0].name': string does not match pattern." },
      'fit',
    ],
    [
      'an id of another form',
      'openai-chat',
      { code: '3280', message: 'Tool call id was call_1 but must be a-z, A-Z, 0-9, with a length of 9.' },
      'fit',
    ],
    [
      'a text that is too long',
      'openai-chat',
      { code: 'string_above_max_length', message: "Invalid 'messages[0].content': string too long." },
      undefined,
    ],
    [
      'a name that is too long',
      'anthropic-messages',
      { message: 'tools.18.custom.name: String should have at most 128 characters' },
      'fit',
    ],
    [
      'URL-safe base64',
      'anthropic-messages',
      { message: 'messages.0.content.0.image.source.base64: invalid base64 data' },
      'fit',
    ],
    ['URL-safe base64', 'openai-chat', { code: 'invalid_base64', message: 'Invalid base64 image_url.' }, 'fit'],
    [
      'URL-safe base64',
      'openai-responses',
      {
        code: 'invalid_value',
        message:
          "Invalid 'input[0].content[1].image_url'. Expected a base64-encoded data URL with an image MIME type, but got an invalid one.",
      },
      'fit',
    ],
    [
      'a parameter of another API',
      'openai-responses',
      {
        code: 'unsupported_parameter',
        message: "Unsupported parameter: 'messages'. In the Responses API, use 'input'.",
      },
      undefined,
    ],
    [
      'a signature of another project',
      'gemini-generate-content',
      { code: 400, message: 'Thought signature is not valid: it was not issued for this part.' },
      'forget-thoughts',
    ],
    [
      'a level',
      'gemini-generate-content',
      { code: 400, message: 'Thinking level is not supported for this model.' },
      'adapt',
    ],
    ['an unknown name', 'gemini-generate-content', { code: 400, message: 'Unknown name "x"' }, undefined],
  ])('%s (%s)', (_name, protocol, error, cure) => {
    expect(cureOf(protocol, error)).toBe(cure);
  });

  test('is corrected only if the request can be encoded again with a difference', () => {
    const passed = findProtocolRoute('openai-chat', ['openai-chat'])!;
    const translated = findProtocolRoute('openai-chat', ['anthropic-messages'])!;
    const counted = findProtocolRoute('anthropic-count-tokens', ['anthropic-messages'])!;
    expect([isCurable(passed, 'adapt'), isCurable(translated, 'adapt'), isCurable(counted, 'adapt')]).toEqual([
      true,
      false,
      false,
    ]);
    expect([isCurable(passed, 'forget-thoughts'), isCurable(translated, 'forget-thoughts')]).toEqual([true, true]);
  });
});

describe('a passed-through request, adapted to its model', () => {
  test('has what the model accepts; the rest is named, and members without a canonical place are unchanged', () => {
    const { body, dropped } = prepare(
      'anthropic-messages',
      'anthropic-messages',
      'claude-opus-5',
      {
        model: 'best',
        max_tokens: 2_048,
        temperature: 0.2,
        thinking: { type: 'enabled', budget_tokens: 1_024 },
        inference_geo: 'eu',
        messages: [{ role: 'user', content: 'Hello.' }],
      },
      ['adapt'],
    );
    expect(body).toMatchObject({ model: 'claude-opus-5', thinking: { type: 'adaptive' }, inference_geo: 'eu' });
    expect(body).not.toHaveProperty('temperature');
    expect(dropped).toEqual(['temperature']);
  });

  test('Chat’s older limit becomes the newer one', () => {
    const messages = [{ role: 'user', content: 'Hello.' }];
    const { body } = prepare('openai-chat', 'openai-chat', 'o3', { model: 'm', max_tokens: 9, messages }, ['adapt']);
    expect(body).toMatchObject({ model: 'o3', max_completion_tokens: 9 });
    expect(body).not.toHaveProperty('max_tokens');
  });
});

describe('a conversation without its thoughts', () => {
  const CALL = { type: 'tool_use', id: 'toolu_1', name: 'get_weather', input: { city: 'Paris' } };
  const RESULT = { type: 'tool_result', tool_use_id: 'toolu_1', content: 'Sunny' };
  const conversation = (first: object[]) => ({
    model: 'm',
    max_tokens: 2_048,
    thinking: { type: 'adaptive' },
    tools: [{ name: 'get_weather', input_schema: { type: 'object', properties: {} } }],
    messages: [
      { role: 'user', content: 'How is Paris?' },
      { role: 'assistant', content: first },
      { role: 'user', content: [RESULT] },
    ],
  });
  const thought = { type: 'thinking', thinking: 'Hm.', signature: 'EpUBCkYIBRgCIkA=' };

  test('is passed to the same protocol without them, and keeps thinking if the model decides that', () => {
    const body = conversation([thought, CALL]);
    const said = prepare('anthropic-messages', 'anthropic-messages', 'claude-opus-5', body, ['forget-thoughts']);
    expect(JSON.stringify(said.body.messages)).not.toContain('thinking');
    expect(said.body.thinking).toEqual({ type: 'adaptive' });
    expect(said.body.messages).toMatchObject([
      { role: 'user' },
      { role: 'assistant', content: [CALL] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: CALL.id }] },
    ]);
  });

  test('is translated without signatures', () => {
    const part = { functionCall: { name: 'get_weather', args: { city: 'Paris' } }, thoughtSignature: 'c2lnbmF0dXJl' };
    const contents = [
      { role: 'user', parts: [{ text: 'How is Paris?' }] },
      { role: 'model', parts: [part] },
      { role: 'user', parts: [{ functionResponse: { name: 'get_weather', response: { output: 'Sunny' } } }] },
    ];
    const { body } = prepare('gemini-generate-content', 'gemini-generate-content', 'gemini-3-pro', { contents }, [
      'forget-thoughts',
    ]);
    expect(JSON.stringify(body)).not.toContain('c2lnbmF0dXJl');
    expect(JSON.stringify(body)).toContain('skip_thought_signature_validator');
  });
});

describe('a refused member of an unknown model', () => {
  const refusal = {
    code: 'upstream_bad_request' as const,
    message: "Unsupported parameter: 'temperature' is not supported with this model.",
    param: 'temperature',
    cure: 'adapt' as const,
  };
  const route = (client: string) => findProtocolRoute(client, ['openai-chat'])!;

  test('same protocol: first what is known of the model is tried, then the request without the member', () => {
    expect(cureFor(route('openai-chat'), refusal, new Set())).toBe('adapt');
    expect(cureFor(route('openai-chat'), refusal, new Set(['adapt']))).toBe('without:temperature');
    expect(cureFor(route('openai-chat'), refusal, new Set(['adapt', 'without:temperature']))).toBeNull();
  });

  test('translated: sent without the member at once', () => {
    expect(cureFor(route('anthropic-messages'), refusal, new Set())).toBe('without:temperature');
  });

  test('a member that changes the request is not left out', () => {
    for (const param of ['messages', 'tools', 'response_format', 'max_tokens', 'n']) {
      expect(cureFor(route('anthropic-messages'), { ...refusal, param }, new Set())).toBeNull();
    }
  });

  test('the member is removed and named; the rest is unchanged', () => {
    const body = { model: 'm', temperature: 0.5, seed: 7, messages: [{ role: 'user', content: 'x' }] };
    for (const client of ['openai-chat', 'anthropic-messages']) {
      const said = client === 'openai-chat' ? body : { ...body, max_tokens: 5 };
      const { body: sent, dropped } = prepare(client, 'openai-chat', 'some-new', said, ['without:temperature']);
      expect(sent).not.toHaveProperty('temperature');
      expect(sent).toMatchObject({ messages: [{ role: 'user' }] });
      expect(dropped).toContain('temperature');
    }
  });
});
