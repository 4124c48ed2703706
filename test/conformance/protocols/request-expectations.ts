// How a case reaches a provider, if that differs from the provider's own fixture.
import type { JsonObject, RequestField } from '#src/protocols/codec.ts';
import {
  type CaseName,
  CUSTOM_CALL,
  CUSTOM_TOOL,
  IMAGE_BASE64,
  IMAGE_MEDIA_TYPE,
  LATE_SYSTEM,
  MODEL,
  QUESTION_OF_TWO,
  TOOL_ERROR,
} from '#test/fixtures/protocols/fixtures.ts';
import { FIXTURES, type ProviderName } from './protocols.ts';

/** Cases that a model has to be made for. */
const MODELS: Record<ProviderName, Partial<Record<CaseName, string>>> = {
  'openai-chat': {
    'custom-tool': 'gpt-5.1',
    'custom-tool-round': 'gpt-5.1',
    'service-tier': 'gpt-5.1',
    'web-search': 'gpt-4o-search-preview',
  },
  'openai-responses': {},
  'anthropic-messages': {
    developer: 'claude-opus-5',
    reasoning: 'claude-opus-5',
    'reasoning-off': 'claude-opus-5',
    'signed-round': 'claude-opus-5',
    'redacted-thinking': 'claude-opus-5',
  },
  'gemini-generate-content': { 'reasoning-off': 'gemini-2.5-flash' },
};

export function modelFor(vendor: ProviderName, name: CaseName): string {
  return MODELS[vendor][name] ?? MODEL;
}

/** What would be another answer without it. */
export const REFUSED: Record<ProviderName, Partial<Record<CaseName, RequestField>>> = {
  'openai-chat': {},
  'openai-responses': { stop: 'stop', choices: 'choices' },
  'anthropic-messages': { audio: 'messages', choices: 'choices', 'image-output': 'modalities' },
  'gemini-generate-content': {},
};

const PENALTIES: RequestField[] = ['presencePenalty', 'frequencyPenalty'];

/** What a provider does not get: all of it that the client's protocol has. */
export const DROPPED: Record<ProviderName, Partial<Record<CaseName, RequestField[]>>> = {
  'openai-chat': { sampling: ['topK'], metadata: ['metadata'] },
  'openai-responses': { sampling: ['topK', 'seed', ...PENALTIES], 'image-output': ['image'] },
  'anthropic-messages': {
    // Temperature or top_p, not both.
    sampling: ['topP', 'seed', ...PENALTIES],
    'log-probabilities': ['logProbabilities'],
    metadata: ['metadata'],
    'cache-key': ['promptCacheKey'],
  },
  'gemini-generate-content': {
    'serial-tools': ['parallelToolCalls'],
    'end-user': ['endUser'],
    metadata: ['metadata'],
    'cache-key': ['promptCacheKey'],
  },
};

/** Another case whose fixture applies, or the body itself. */
type Stated = CaseName | JsonObject;

/** Absent: the provider's fixture of the same case. */
export const STATED: Record<ProviderName, Partial<Record<CaseName, Stated>>> = {
  'openai-chat': {
    developer: asSystem(request('openai-chat', 'developer')),
    'allowed-tools': { ...request('openai-chat', 'tools'), tool_choice: 'required' },
    'cache-breakpoint': 'system',
    metadata: 'text',
    'redacted-thinking': 'tool-round',
    'tool-error': withResult({ content: TOOL_ERROR }),
    'tool-image': imageBehindResult(),
  },
  'openai-responses': {
    'cache-breakpoint': 'system',
    'redacted-thinking': 'tool-round',
    'tool-error': JSON.parse(
      JSON.stringify(request('openai-responses', 'tool-round')).replace('Sunny, 21 °C', TOOL_ERROR),
    ) as JsonObject,
    'image-output': {
      input: [{ role: 'user', content: 'Draw the Eiffel Tower.' }],
      tools: [{ type: 'image_generation' }],
    },
  },
  'anthropic-messages': {
    'log-probabilities': 'text',
    metadata: 'text',
    'cache-key': 'text',
    json: {
      ...request('anthropic-messages', 'text'),
      system: 'Answer with one valid JSON object and nothing else: no prose, no Markdown fence.',
    },
    'allowed-tools': { ...request('anthropic-messages', 'tools'), tool_choice: { type: 'any' } },
    'custom-tool': { messages: [{ role: 'user', content: 'How much is 6 × 7?' }], tools: [wrapped('input_schema')] },
    'custom-tool-round': {
      messages: [
        { role: 'user', content: 'How much is 6 × 7?' },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: CUSTOM_CALL.id, name: CUSTOM_TOOL.name, input: { input: CUSTOM_CALL.input } },
          ],
        },
        {
          role: 'user',
          content: [{ type: 'tool_result', tool_use_id: CUSTOM_CALL.id, content: CUSTOM_CALL.result }],
        },
      ],
      tools: [wrapped('input_schema')],
    },
  },
  'gemini-generate-content': {
    developer: {
      ...request('gemini-generate-content', 'conversation'),
      systemInstruction: { parts: [{ text: LATE_SYSTEM }] },
    },
    'serial-tools': {
      ...request('gemini-generate-content', 'tools'),
      contents: [{ role: 'user', parts: [{ text: QUESTION_OF_TWO }] }],
    },
    'cache-breakpoint': 'system',
    'end-user': 'text',
    metadata: 'text',
    'cache-key': 'text',
    'redacted-thinking': 'tool-round',
    'custom-tool': {
      contents: [{ role: 'user', parts: [{ text: 'How much is 6 × 7?' }] }],
      tools: [{ functionDeclarations: [wrapped('parametersJsonSchema')] }],
    },
    'custom-tool-round': {
      contents: [
        { role: 'user', parts: [{ text: 'How much is 6 × 7?' }] },
        {
          role: 'model',
          parts: [
            {
              functionCall: { id: CUSTOM_CALL.id, name: CUSTOM_TOOL.name, args: { input: CUSTOM_CALL.input } },
              thoughtSignature: 'skip_thought_signature_validator',
            },
          ],
        },
        {
          role: 'user',
          parts: [
            {
              functionResponse: {
                id: CUSTOM_CALL.id,
                name: CUSTOM_TOOL.name,
                response: { output: CUSTOM_CALL.result },
              },
            },
          ],
        },
      ],
      tools: [{ functionDeclarations: [wrapped('parametersJsonSchema')] }],
    },
  },
};

/** What the provider should be sent for a case of this client. */
export function expectedRequest(client: ProviderName, vendor: ProviderName, name: CaseName): JsonObject {
  // A signature of a thought is sent to its own provider only.
  if (name === 'signed-round' && client !== vendor) return request(vendor, 'tool-round');
  // Gemini's protocol has no other way to force a single tool.
  if (name === 'allowed-tools' && client === 'gemini-generate-content') return forcedAmongTwo(vendor);
  // Anthropic's has no developer: LATE_SYSTEM comes from the system.
  if (name === 'developer' && client === 'anthropic-messages' && vendor === 'openai-responses') {
    return asSystem(request(vendor, name));
  }
  const stated = STATED[vendor][name] ?? name;
  return typeof stated === 'string' ? request(vendor, stated) : stated;
}

function request(vendor: ProviderName, name: CaseName): JsonObject {
  const body = FIXTURES[vendor].requests[name];
  if (body === undefined) throw new Error(`what is ${name} to ${vendor}?`);
  return body;
}

function forcedAmongTwo(vendor: ProviderName): JsonObject {
  const { tool_choice: choice } = vendor === 'gemini-generate-content' ? {} : request(vendor, 'tool-choice');
  const both = vendor === 'anthropic-messages' ? bothForAnthropic() : request(vendor, 'allowed-tools');
  return choice === undefined ? both : { ...both, tool_choice: choice };
}

function bothForAnthropic(): JsonObject {
  const one = request('anthropic-messages', 'tools');
  const other = request('anthropic-messages', 'empty-arguments');
  return { ...one, tools: [...(one.tools as unknown[]), ...(other.tools as unknown[])] };
}

function asSystem(body: JsonObject): JsonObject {
  return JSON.parse(JSON.stringify(body).replace('"role":"developer"', '"role":"system"')) as JsonObject;
}

function withResult(more: JsonObject): JsonObject {
  const body = request('openai-chat', 'tool-round');
  const messages = body.messages as JsonObject[];
  return { ...body, messages: [...messages.slice(0, -1), { ...messages.at(-1), ...more }] };
}

/** A tool message accepts text only. */
function imageBehindResult(): JsonObject {
  const body = request('openai-chat', 'tool-round');
  const url = `data:${IMAGE_MEDIA_TYPE};base64,${IMAGE_BASE64}`;
  const content = [
    { type: 'text', text: 'Result of tool call call_1:' },
    { type: 'image_url', image_url: { url } },
  ];
  return { ...body, messages: [...(body.messages as unknown[]), { role: 'user', content }] };
}

/** A tool of text as a function of one argument. */
function wrapped(member: string): JsonObject {
  const schema = { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] };
  return { ...CUSTOM_TOOL, [member]: schema };
}
