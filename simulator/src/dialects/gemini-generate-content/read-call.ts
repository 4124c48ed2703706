// Reads a generateContent request, as strictly as the provider does where a broker could get it wrong.
import type { Call } from '../../engine/call.ts';
import type { Provider } from '../dialect.ts';
import type { GeminiRequest } from './gemini-request.ts';
import { GeminiVoice } from './gemini-voice.ts';
import { measurePrompt } from './measure-prompt.ts';
import { traitsOf } from './model-traits.ts';
import { readConversation } from './read-conversation.ts';
import { type Body, fields, readEnum, readList, readMessage, readText, refuse, refuseValue } from './read-fields.ts';
import { readGeneration } from './read-generation.ts';
import { readImage } from './read-image.ts';
import { readThinking } from './read-thinking.ts';
import { readToolChoice, readTools } from './read-tools.ts';
import { readSystem, readTurns } from './read-turns.ts';
import { checkSignatures, issuerOf } from './thought-signature.ts';

export const REQUEST_FIELDS = fields(
  'model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent serviceTier ' +
    'continuationToken store',
);

/** Nobody has told the simulator what was cached under this name: so much, in front of the prompt. */
const CACHED_CONTENT_TOKENS = 1_024;

export interface Target {
  model: string;
  delivery: GeminiRequest['delivery'];
}

export function readGeminiCall(value: unknown, target: Target, provider: Provider): { call: Call; voice: GeminiVoice } {
  const { model, delivery } = target;
  const body = readMessage(value, '', REQUEST_FIELDS);
  const traits = traitsOf(model);
  const turns = readTurns(body);
  const system = readSystem(body);
  checkSignatures(turns, traits, provider);
  const tools = readTools(body);
  const generation = readGeneration(body);
  const { config, maxOutputTokens, format } = generation;
  const thinking = readThinking(config, traits, maxOutputTokens);
  const image = readImage(config);
  if (format.kind !== 'text' && tools.functions.length > 0 && !traits.takesJsonWithTools) {
    refuse("Function calling with a response mime type: 'application/json' is unsupported");
  }
  checkSmallFields(body);
  const cachedTokens = readCachedContent(body);
  const { promptTokens, imageTokens } = measurePrompt(body, system, turns);
  const call: Call = {
    model,
    isStream: delivery !== 'unary',
    promptTokens: promptTokens + cachedTokens,
    cache: { readTokens: cachedTokens, markedTokens: 0 },
    ...readConversation(system, turns),
    maxOutputTokens,
    isOutputReserved: false,
    choices: generation.candidates,
    stop: generation.stop,
    seed: generation.seed,
    tools: tools.functions,
    toolChoice: readToolChoice(body, traits, tools),
    isToolUseParallel: true,
    format,
    showsReasoning: thinking.isShown,
    reasoningTokens: thinking.tokens,
    ...(image === null ? {} : { image }),
  };
  const request = { model, delivery, issuer: issuerOf(traits, provider), promptImageTokens: imageTokens };
  return { call, voice: new GeminiVoice(request) };
}

function readCachedContent({ cachedContent, systemInstruction, tools, toolConfig }: Body): number {
  const name = readText(cachedContent, 'cached_content');
  if (name === null) return 0;
  if (!name.startsWith('cachedContents/')) refuse('* GenerateContentRequest.cached_content: invalid resource name');
  if (systemInstruction !== undefined || tools !== undefined || toolConfig !== undefined) {
    refuse(
      'CachedContent can not be used with GenerateContent request setting system_instruction, tools or tool_config.',
    );
  }
  return CACHED_CONTENT_TOKENS;
}

const SAFETY_FIELDS = fields('category threshold');
const THRESHOLDS =
  'HARM_BLOCK_THRESHOLD_UNSPECIFIED BLOCK_LOW_AND_ABOVE BLOCK_MEDIUM_AND_ABOVE BLOCK_ONLY_HIGH BLOCK_NONE OFF';
const SERVICE_TIERS = ['UNSPECIFIED', 'FLEX', 'STANDARD', 'PRIORITY'];

function checkSmallFields({ safetySettings, serviceTier }: Body): void {
  for (const [index, value] of readList(safetySettings).entries()) {
    const path = `safety_settings[${index}]`;
    const { category, threshold } = readMessage(value, path, SAFETY_FIELDS);
    if (!/^HARM_CATEGORY_[A-Z_]+$/.test(String(category))) refuseValue(category, `${path}.category`, 'Enum');
    readEnum(threshold, `${path}.threshold`, THRESHOLDS.split(' '));
  }
  readEnum(serviceTier, 'service_tier', SERVICE_TIERS);
}
