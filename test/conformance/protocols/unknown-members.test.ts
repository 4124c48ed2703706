// No member of a request that another protocol has nothing for is lost in silence: each is named as dropped, or refused.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#src/protocols/codec.ts';
import { prepare } from './prepared-call.ts';
import { PROVIDER_NAMES, type ProviderName } from './protocols.ts';

const parameters = { type: 'object', properties: { a: { type: 'string' } } };
const speaker = { speaker: 'A', voiceConfig: { prebuiltVoiceConfig: { voiceName: 'Kore' } } };

/** A member by the name that it is dropped under, and a body that has it. */
const MEMBERS: Partial<Record<ProviderName, [string, JsonObject][]>> = {
  'anthropic-messages': [
    ['brand_new', { brand_new: 1 }],
    ['container', { container: 'c' }],
    ['mcp_servers', { mcp_servers: [{ type: 'url' }] }],
    ['context_management', { context_management: { edits: [] } }],
    ['fallbacks', { fallbacks: [{ model: 'm' }] }],
    ['cache_control', { cache_control: { type: 'ephemeral' } }],
    ['metadata.brand_new', { metadata: { user_id: 'u', brand_new: 1 } }],
    ['thinking.brand_new', { thinking: { type: 'adaptive', brand_new: 1 } }],
    ['output_config.task_budget', { output_config: { task_budget: { type: 'tokens', total: 5 } } }],
    ['tool_choice.brand_new', { tool_choice: { type: 'auto', brand_new: 1 } }],
    ['tools.eager_input_streaming', { tools: [{ name: 'f', input_schema: parameters, eager_input_streaming: true }] }],
  ],
  'gemini-generate-content': [
    ['brandNew', { brand_new: 1 }],
    ['safetySettings', { safetySettings: [{ category: 'c' }] }],
    ['contents.parts.videoMetadata', withPart({ inlineData: png(), videoMetadata: { fps: 1 } })],
    ['contents.parts.toolCall', withPart({ toolCall: { toolType: 'GOOGLE_SEARCH' } })],
    ['systemInstruction.parts.inlineData', { systemInstruction: { parts: [{ text: 's' }, { inlineData: png() }] } }],
    ['generationConfig.brandNew', { generationConfig: { brand_new: 1 } }],
    ['generationConfig.thinkingConfig.brandNew', { generationConfig: { thinking_config: { brand_new: 1 } } }],
    ['generationConfig.imageConfig.personGeneration', { generationConfig: { imageConfig: { personGeneration: 'x' } } }],
    [
      'generationConfig.speechConfig.multiSpeakerVoiceConfig',
      { generationConfig: { speechConfig: { multiSpeakerVoiceConfig: { speakerVoiceConfigs: [speaker] } } } },
    ],
    ['tools.functionDeclarations.behavior', declared({ behavior: 'NON_BLOCKING' })],
    ['tools.functionDeclarations.response', declared({ response: parameters })],
    [
      'toolConfig.functionCallingConfig.streamFunctionCallArguments',
      {
        ...declared({}),
        toolConfig: { functionCallingConfig: { mode: 'AUTO', streamFunctionCallArguments: true } },
      },
    ],
    ['toolConfig.retrievalConfig', { toolConfig: { retrievalConfig: { languageCode: 'fr' } } }],
  ],
};

function png() {
  return { mimeType: 'image/png', data: 'aGk=' };
}

function withPart(part: JsonObject): JsonObject {
  return { contents: [{ role: 'user', parts: [{ text: 'Hi' }, part] }] };
}

function declared(more: JsonObject): JsonObject {
  return { tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: parameters, ...more }] }] };
}

const LEAST: Partial<Record<ProviderName, JsonObject>> = {
  'anthropic-messages': { model: 'm', max_tokens: 9, messages: [{ role: 'user', content: 'Hi' }] },
  'gemini-generate-content': { contents: [{ role: 'user', parts: [{ text: 'Hi' }] }] },
};

describe.each(Object.keys(MEMBERS) as ProviderName[])('a client of %s is informed', (client) => {
  describe.each(PROVIDER_NAMES.filter((upstream) => upstream !== client))('by a provider of %s', (upstream) => {
    test.each(MEMBERS[client]!)('of %s', (name, members) => {
      const body = JSON.stringify({ ...LEAST[client], ...members });
      expect(prepare(client, upstream, body).dropped).toContain(name);
    });

    test('of nothing if nothing is lost', () => {
      expect(prepare(client, upstream, JSON.stringify(LEAST[client])).dropped).toEqual([]);
    });
  });
});
