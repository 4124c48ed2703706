// Reads a generateContent request, as strictly as the provider does where a broker could get it wrong.
import { type Call, describeTurn } from '../../engine/call.ts';
import type { Provider } from '../dialect.ts';
import type { GeminiRequest } from './gemini-request.ts';
import { GeminiVoice } from './gemini-voice.ts';
import { measurePrompt } from './measure-prompt.ts';
import { type ModelTraits, traitsOf } from './model-traits.ts';
import {
  type Body,
  fields,
  readEnum,
  readFlag,
  readList,
  readMessage,
  readText,
  readWhole,
  refuse,
  refuseValue,
} from './read-fields.ts';
import { readGeneration } from './read-generation.ts';
import { readImage } from './read-image.ts';
import { readToolChoice, readTools } from './read-tools.ts';
import { readSystem, readTurns } from './read-turns.ts';
import { checkSignatures, issuerOf } from './thought-signature.ts';
import { type Part, partsWith, type Turn, textsOf } from './turn.ts';

export const REQUEST_FIELDS = fields(
  'model contents systemInstruction tools toolConfig safetySettings generationConfig cachedContent serviceTier ' +
    'continuationToken store',
);

/** Assumed size of cached content, which comes before the prompt; the simulator stores none. */
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

// The conversation of a generateContent request in the engine's form, identical to that of Chat (read-call.ts there):
// function responses are separate turns, thoughts are left out.

type Conversation = Pick<Call, 'promptText' | 'lastUserText' | 'endsWithToolResult' | 'toolResults' | 'prefill'>;

export function readConversation(system: readonly Part[], turns: readonly Turn[]): Conversation {
  const last = turns.at(-1)!;
  const hasPrefill = last.role === 'model';
  const prompt = hasPrefill ? turns.slice(0, -1) : turns;
  const lastSpoken = prompt.findLast(({ role, parts }) => role === 'user' && textsOf(parts) !== '');
  const instructions = system.length === 0 ? '' : describeTurn('system', textsOf(system));
  return {
    promptText: instructions + prompt.map(describe).join(''),
    lastUserText: lastSpoken === undefined ? '' : textsOf(lastSpoken.parts),
    endsWithToolResult: !hasPrefill && last.parts.every(({ body }) => 'functionResponse' in body),
    toolResults: turns.flatMap((turn) => partsWith(turn, 'functionResponse')).length,
    prefill: hasPrefill ? textsOf(last.parts) : null,
  };
}

function describe(turn: Turn): string {
  const responses = partsWith(turn, 'functionResponse').map(({ body }) =>
    describeTurn('tool', textOfResponse((body.functionResponse as Body).response as Body)),
  );
  const others = turn.parts.filter(({ body }) => !('functionResponse' in body));
  if (others.length === 0) return responses.join('');
  const role = turn.role === 'model' ? 'assistant' : 'user';
  return responses.join('') + describeTurn(role, others.map(describePart).join(''));
}

/** Without signatures and call ids, which differ between providers while the answer must not. */
function describePart({ body }: Part): string {
  if (typeof body.text === 'string') return body.thought === true ? '' : body.text;
  if (body.functionCall !== undefined) {
    const { name, args } = body.functionCall as Body;
    return `[${name} ${JSON.stringify(args ?? {})}]`;
  }
  const { thoughtSignature: _, ...rest } = body;
  return Object.keys(rest).length === 0 ? '' : `[${Object.keys(rest)[0]} ${JSON.stringify(rest).length}]`;
}

/** Plain text of other protocols is in `output` here. */
function textOfResponse(response: Body): string {
  const [[key, value] = [], ...more] = Object.entries(response);
  const isText = more.length === 0 && typeof value === 'string' && (key === 'output' || key === 'result');
  return isText ? (value as string) : JSON.stringify(response);
}

// Whether and how much the model thinks: `generationConfig.thinkingConfig`.

export interface Thinking {
  /** Thinking tokens, unless a command sets them. */
  tokens: number;
  /** Whether thoughts are parts of the answer. */
  isShown: boolean;
}

const PATH = 'generation_config.thinking_config';
const FIELDS = fields('includeThoughts thinkingBudget thinkingLevel');

/** The simulator's thoughts are short; a higher level makes them longer. */
const TOKENS_BY_LEVEL: Readonly<Record<string, number>> = { MINIMAL: 2, LOW: 4, MEDIUM: 8, HIGH: 16, XHIGH: 32 };
const DEFAULT_TOKENS = 16;
const MOST_BUDGET = 32_768;
/** Largest share of `maxOutputTokens` that thoughts may take. */
const MOST_OF_ANSWER = 1 / 4;

export function readThinking({ thinkingConfig }: Body, traits: ModelTraits, maxTokens: number | null): Thinking {
  const config = thinkingConfig === undefined ? {} : readMessage(thinkingConfig, PATH, FIELDS);
  const isAskedFor = Object.keys(config).length > 0;
  if (isAskedFor && !traits.takesThinking) {
    refuse('Unable to submit request because thinking is not supported by this model.');
  }
  const tokens = isAskedFor ? readTokens(config, traits) : traits.thinksByDefault ? DEFAULT_TOKENS : 0;
  const room = maxTokens === null ? tokens : Math.floor(maxTokens * MOST_OF_ANSWER);
  return {
    tokens: Math.min(tokens, room),
    isShown: readFlag(config.includeThoughts, `${PATH}.include_thoughts`),
  };
}

function readTokens(config: Body, traits: ModelTraits): number {
  const budget = readWhole(config.thinkingBudget, `${PATH}.thinking_budget`);
  const level = readEnum(config.thinkingLevel, `${PATH}.thinking_level`, Object.keys(TOKENS_BY_LEVEL));
  if (budget !== null && level !== null) refuse('You can only set only one of thinking budget and thinking level.');
  if (level !== null) {
    if (!traits.takesThinkingLevel) refuse('Thinking level is not supported for this model.');
    return TOKENS_BY_LEVEL[level]!;
  }
  if (budget === null || budget === -1) return DEFAULT_TOKENS;
  if (!traits.takesThinkingBudget) refuse('Thinking budget is not supported for this model.');
  if (budget < traits.leastBudget && budget === 0) {
    refuse('Budget 0 is invalid. This model only works in thinking mode.');
  }
  if (budget < traits.leastBudget || budget > MOST_BUDGET) {
    refuse(
      `The thinking budget ${budget} is invalid. Please choose a value between ${traits.leastBudget} and ${MOST_BUDGET}.`,
    );
  }
  return Math.min(budget, DEFAULT_TOKENS);
}
