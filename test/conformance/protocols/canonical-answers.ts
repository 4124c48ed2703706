// The answers of the fixtures, in canonical form.
import type { AnswerChoice, FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Citation, ImagePart, Part, ReasoningPart, ToolCallPart } from '#src/contracts/inference-request.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import {
  THOUGHT_SIGNATURE as ANTHROPIC_SIGNATURE,
  REDACTED_THOUGHT,
} from '#test/fixtures/protocols/anthropic-messages.ts';
import {
  ANSWER,
  type AnswerCaseName,
  CACHE_WRITE_TOKENS,
  CALL,
  CITATION,
  CUSTOM_CALL,
  CUSTOM_TOOL,
  CUT_ANSWER,
  EMPTY_CALL,
  EMPTY_TOOL,
  IMAGE_BASE64,
  IMAGE_MEDIA_TYPE,
  MET_STOP,
  type RareAnswerCaseName,
  REASONING,
  REFUSAL,
  SECOND_ANSWER,
  SECOND_CALL,
  SERVED_TIER,
  TOKENS,
  TOOL,
  UNICODE_ANSWER,
  UNICODE_CALL,
  USAGE,
} from '#test/fixtures/protocols/fixtures.ts';
import { THOUGHT_SIGNATURE as GEMINI_SIGNATURE } from '#test/fixtures/protocols/gemini-generate-content.ts';
import { THOUGHT_SIGNATURE as OPENAI_SIGNATURE } from '#test/fixtures/protocols/openai-responses.ts';
import type { ProviderName } from './protocols.ts';

export type AnswerCase = AnswerCaseName | RareAnswerCaseName;

export interface CanonicalAnswer {
  choices: AnswerChoice[];
  usage: Usage;
  serviceTier?: string;
}

/** A case as one provider answers it. */
export function canonicalAnswer(vendor: ProviderName, name: AnswerCase): CanonicalAnswer {
  const serviceTier = name === 'service-tier' ? SERVED_TIER : USUAL_TIERS[vendor];
  return {
    choices: choicesOf(vendor, name),
    usage: usageOf(name),
    ...(serviceTier === undefined ? {} : { serviceTier }),
  };
}

/** Providers that always report the tier that served the call. */
const USUAL_TIERS: Partial<Record<ProviderName, string>> = {
  'openai-responses': 'default',
  'anthropic-messages': 'default',
};

function usageOf(name: AnswerCase): Usage {
  return {
    ...NO_USAGE,
    inputTokens: USAGE.inputTokens,
    outputTokens: name === 'blocked-prompt' ? 0 : USAGE.outputTokens,
    ...(name === 'cached-usage' ? { cachedInputTokens: USAGE.cachedInputTokens } : {}),
    ...(name === 'cache-write' ? { cacheWriteTokens: CACHE_WRITE_TOKENS } : {}),
    ...(name === 'reasoning' || name === 'mixed' ? { reasoningTokens: USAGE.reasoningTokens } : {}),
  };
}

function choicesOf(vendor: ProviderName, name: AnswerCase): AnswerChoice[] {
  const [first, ...others] = name === 'choices' ? [[text(ANSWER)], [text(SECOND_ANSWER)]] : [partsOf(vendor, name)];
  const said = {
    index: 0,
    parts: first!,
    finishReason: finishOf(vendor, name),
    ...(name === 'stop-sequence' ? { stopSequence: MET_STOP } : {}),
    ...(name === 'log-probabilities' ? { logProbabilities: tokens } : {}),
  };
  return [said, ...others.map((parts, place) => ({ index: place + 1, parts, finishReason: 'stop' as const }))];
}

function finishOf(vendor: ProviderName, name: AnswerCase): FinishReason {
  switch (name) {
    case 'truncated':
    case 'empty':
      return 'length';
    case 'filtered':
    case 'blocked-prompt':
      return 'content-filter';
    case 'refusal':
      // OpenAI's models refuse with ordinary text.
      return vendor === 'openai-chat' || vendor === 'openai-responses' ? 'stop' : 'content-filter';
    case 'pause':
      return 'pause';
    default:
      return partsOf(vendor, name).some((part) => part.kind === 'tool-call') ? 'tool-calls' : 'stop';
  }
}

function partsOf(vendor: ProviderName, name: AnswerCase): Part[] {
  switch (name) {
    case 'reasoning':
      return [thought(vendor), text(ANSWER)];
    case 'tool-call':
      return [call(CALL)];
    case 'parallel-tool-calls':
      return [call(CALL), call(SECOND_CALL)];
    case 'truncated':
    case 'filtered':
      return [text(CUT_ANSWER)];
    case 'refusal':
    case 'blocked-prompt':
      return [{ kind: 'refusal', text: REFUSAL }];
    case 'unicode':
      return [text(UNICODE_ANSWER), call(UNICODE_CALL)];
    case 'mixed':
      return [thought(vendor), text(ANSWER), vendor === GEMINI ? signed(call(CALL)) : call(CALL)];
    case 'empty-arguments':
      return [{ kind: 'tool-call', id: EMPTY_CALL.id, name: EMPTY_TOOL.name, arguments: '{}' }];
    case 'empty':
      return [];
    case 'citations':
      return [{ ...text(ANSWER), citations: [citation(vendor)] }];
    case 'image':
      return [text(ANSWER), vendor === GEMINI ? signed(image) : image];
    case 'custom-tool-call':
      return [customCall];
    case 'redacted-thinking':
      return [redacted, text(ANSWER)];
    case 'signed-call':
      return [signed(call(CALL)), call(SECOND_CALL)];
    case 'signed-text':
      return [signed(text(ANSWER))];
    default:
      return [text(ANSWER)];
  }
}

const GEMINI = 'gemini-generate-content';

const text = (words: string) => ({ kind: 'text' as const, text: words });
const call = ({ id, arguments: given }: typeof CALL | typeof SECOND_CALL | typeof UNICODE_CALL): ToolCallPart => ({
  kind: 'tool-call',
  id,
  name: TOOL.name,
  arguments: JSON.stringify(given),
});
const customCall: ToolCallPart = {
  kind: 'tool-call',
  id: CUSTOM_CALL.id,
  name: CUSTOM_TOOL.name,
  arguments: CUSTOM_CALL.input,
  isCustom: true,
};
const image: ImagePart = {
  kind: 'image',
  source: { kind: 'base64', mediaType: IMAGE_MEDIA_TYPE, data: IMAGE_BASE64 },
};
const redacted: ReasoningPart = {
  kind: 'reasoning',
  text: '',
  isRedacted: true,
  signature: { origin: 'anthropic-messages', value: REDACTED_THOUGHT },
};

function signed<T extends object>(part: T) {
  return { ...part, signature: { origin: 'gemini-generate-content' as const, value: GEMINI_SIGNATURE } };
}

function thought(vendor: ProviderName): ReasoningPart {
  const part: ReasoningPart = { kind: 'reasoning', text: REASONING };
  switch (vendor) {
    case 'anthropic-messages':
      return { ...part, signature: { origin: vendor, value: ANTHROPIC_SIGNATURE } };
    case 'openai-responses':
      return { ...part, id: 'rs_1', signature: { origin: vendor, value: OPENAI_SIGNATURE } };
    default:
      return part;
  }
}

/** Only some providers quote: Anthropic its source, Gemini the text that is supported. */
function citation(vendor: ProviderName): Citation {
  const place = { ...CITATION, startIndex: 0, endIndex: ANSWER.length };
  if (vendor === 'anthropic-messages') return { ...place, citedText: 'Sunny all day.' };
  return vendor === GEMINI ? { ...place, citedText: ANSWER } : place;
}

const tokens: TokenLogProbability[] = TOKENS.map(({ token, logProbability, alternatives }) => ({
  token,
  logProbability,
  alternatives: alternatives.map(([other, probability]) => ({ token: other, logProbability: probability })),
}));
