// Members that whole answers and chunks have in common.
import type { Usage } from '../../../../src/contracts/usage.ts';
import type { AnswerChoice, AnswerPart, FinishReason } from '../../engine/answers/answer.ts';
import type { Identity } from '../dialect.ts';
import type { GeminiRequest } from './gemini-request.ts';
import { signPart } from './thought-signature.ts';

export function answerTail({ model }: GeminiRequest, { unique }: Identity) {
  return { modelVersion: model, responseId: unique };
}

/**
 * Thoughts are not part of the candidates' tokens, cached tokens are part of the prompt's. What is zero is left out, as
 * proto3 JSON does. `imageTokens` are those of images that have been sent.
 */
export function writeUsage(usage: Usage, { promptImageTokens }: GeminiRequest, imageTokens: number) {
  const { inputTokens, cachedInputTokens, outputTokens, reasoningTokens } = usage;
  return {
    promptTokenCount: inputTokens,
    ...counted('candidatesTokenCount', outputTokens - reasoningTokens),
    totalTokenCount: inputTokens + outputTokens,
    ...counted('cachedContentTokenCount', cachedInputTokens),
    promptTokensDetails: [
      ...modality('TEXT', inputTokens - promptImageTokens),
      ...modality('IMAGE', promptImageTokens),
    ],
    ...(cachedInputTokens === 0 ? {} : { cacheTokensDetails: modality('TEXT', cachedInputTokens) }),
    ...(imageTokens === 0 ? {} : { candidatesTokensDetails: modality('IMAGE', imageTokens) }),
    ...counted('thoughtsTokenCount', reasoningTokens),
    serviceTier: 'standard',
  };
}

function counted(name: string, tokens: number): Record<string, number> {
  return tokens === 0 ? {} : { [name]: tokens };
}

function modality(name: string, tokenCount: number): { modality: string; tokenCount: number }[] {
  return tokenCount === 0 ? [] : [{ modality: name, tokenCount }];
}

/** Function calls end with STOP, too. */
export const FINISH_REASONS: Readonly<Record<FinishReason, string>> = {
  stop: 'STOP',
  length: 'MAX_TOKENS',
  tool_calls: 'STOP',
  content_filter: 'SAFETY',
};

export const SAFETY_RATINGS = [
  { category: 'HARM_CATEGORY_HARASSMENT', probability: 'NEGLIGIBLE' },
  { category: 'HARM_CATEGORY_HATE_SPEECH', probability: 'NEGLIGIBLE' },
  { category: 'HARM_CATEGORY_SEXUALLY_EXPLICIT', probability: 'NEGLIGIBLE' },
  { category: 'HARM_CATEGORY_DANGEROUS_CONTENT', probability: 'HIGH', blocked: true },
];

/** Members that describe the end of a candidate. */
export function endingOf({ finish }: AnswerChoice, { issuer }: GeminiRequest) {
  return {
    finishReason: FINISH_REASONS[finish],
    ...(finish === 'content_filter' ? { safetyRatings: SAFETY_RATINGS } : {}),
    ...(finish === 'tool_calls' && issuer !== null ? { finishMessage: 'Model generated function call(s).' } : {}),
  };
}

type ToolCallPart = Extract<AnswerPart, { kind: 'tool_call' }>;

/** @param isFirst whether it is the first call of its step; only that one is signed. */
export function writeFunctionCall({ id, name, input }: ToolCallPart, { issuer }: GeminiRequest, isFirst: boolean) {
  const functionCall = { name, args: parseArguments(input) };
  if (issuer === null) return { functionCall };
  const signed = isFirst ? { thoughtSignature: signPart(issuer, name, `${id} ${input}`) } : {};
  return { functionCall: { ...functionCall, id: `call_${id}` }, ...signed };
}

/** Arguments that were cut off have no value. */
function parseArguments(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

export function firstToolCall({ parts }: AnswerChoice): AnswerPart | undefined {
  return parts.find(({ kind }) => kind === 'tool_call');
}

/** The signature of the last text of an answer without calls. */
export function signWords(choice: AnswerChoice, { issuer }: GeminiRequest): { thoughtSignature?: string } {
  const last = choice.parts.findLast((part) => part.kind === 'text');
  if (issuer === null || last === undefined || choice.finish === 'content_filter') return {};
  return { thoughtSignature: signPart(issuer, null, last.text) };
}

export function writeImage({ mediaType, data }: Extract<AnswerPart, { kind: 'image' }>) {
  return { inlineData: { mimeType: mediaType, data } };
}

export const UNAVAILABLE = {
  error: { code: 503, message: 'The model is overloaded. Please try again later.', status: 'UNAVAILABLE' },
};
