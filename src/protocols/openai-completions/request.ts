// What the broker uses of a request of the older completions (npm openai 7.55.0, resources/completions).
import { z } from 'zod';
import type { Failure } from '#src/contracts/failure.ts';
import type { InferenceRequest, Sampling } from '#src/contracts/inference-request.ts';
import { effectiveRequest, mergeExtras, outputBound } from '../call/effective-request.ts';
import type { JsonObject, RequestField } from '../codec.ts';
import {
  defined,
  invalid,
  optionalBoolean,
  optionalExactNumber,
  optionalNumber,
  optionalObject,
  optionalText,
  orFailure,
  parseMember,
  unsupported,
} from '../openai/request-fields.ts';
import { readRouting, readStreaming, routingMembers, streamMembers } from '../openai/routing.ts';
import { decodeStop } from '../openai-chat/request/decode-request.ts';
import type { RequestFacts, RequestTarget } from '../protocol.ts';
import { TOKENS_PER_MESSAGE, tokensOfText } from '../providers/token-estimate.ts';

/** OpenAI's default: short answers, unless the client says otherwise. */
export const DEFAULT_MAX_TOKENS = 16;

const count = z.number().int().positive().nullish();
const tokens = z.array(z.number().int());

export const completionsRequest = z.looseObject({
  ...routingMembers,
  ...streamMembers,
  prompt: z.union([z.string(), z.array(z.union([z.string(), z.number().int(), tokens])).min(1)], {
    error: (issue) =>
      issue.input === undefined ? undefined : 'expected a string, a list of strings, or lists of token numbers',
  }),
  max_tokens: z.number().int().min(0).nullish(),
  n: count,
  best_of: count,
});

type Prompt = z.infer<typeof completionsRequest>['prompt'];

export function readCompletionsRequest(body: unknown, target: RequestTarget): RequestFacts | Failure {
  return orFailure(() => {
    const request = parseMember(completionsRequest, effectiveRequest(body));
    const answers = (request.n ?? 1) * countPrompts(request.prompt);
    const tried = Math.max(request.n ?? 1, request.best_of ?? 1) * countPrompts(request.prompt);
    return {
      ...readRouting(request),
      ...readStreaming(request, target),
      estimatedInputTokens: TOKENS_PER_MESSAGE + tokensOfPrompt(request.prompt),
      maxOutputTokens: Math.max((request.max_tokens ?? DEFAULT_MAX_TOKENS) * tried, outputBound(request) ?? 0),
      choices: answers,
    };
  });
}

/** A list of numbers is one prompt. */
function countPrompts(prompt: Prompt): number {
  return typeof prompt === 'string' || typeof prompt[0] === 'number' ? 1 : prompt.length;
}

/** For token numbers, their count. */
function tokensOfPrompt(prompt: Prompt | Prompt[number]): number {
  if (typeof prompt === 'string') return tokensOfText(prompt);
  if (typeof prompt === 'number') return 1;
  return (prompt as Prompt[number][]).reduce<number>((sum, entry) => sum + tokensOfPrompt(entry), 0);
}

// The request as one user turn, because today's models answer prompts rather than continue texts.
export function decodeCompletionsRequest(body: JsonObject): InferenceRequest | Failure {
  return orFailure(() => decode(body));
}

function decode(sent: JsonObject): InferenceRequest {
  const { body, extraKeys } = mergeExtras(sent);
  refuseWhatIsGone(body);
  const choices = optionalNumber(body.n, 'n');
  const unknown = Object.entries(body).filter(([key, value]) => !KNOWN.has(key) && value !== null);
  const extraBody = Object.fromEntries(unknown.filter(([key]) => extraKeys.has(key)));
  return defined({
    turns: [{ role: 'user', parts: [{ kind: 'text', text: promptOf(body.prompt) }] }],
    tools: [],
    maxOutputTokens: maxTokens(body),
    sampling: decodeSampling(body),
    stop: decodeStop(body.stop),
    choices: choices === 1 ? undefined : choices,
    endUser: optionalText(body.user, 'user'),
    logProbabilities: optionalNumber(body.logprobs, 'logprobs'),
    logitBias: optionalObject(body.logit_bias, 'logit_bias') as Record<string, number> | undefined,
    extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    unmapped: Object.fromEntries(unknown.filter(([key]) => !extraKeys.has(key))),
  });
}

const KNOWN: ReadonlySet<string> = new Set(
  `model prompt stream stream_options models provider extra_body max_tokens temperature top_p seed presence_penalty
   frequency_penalty stop n best_of echo suffix user logprobs logit_bias`.split(/\s+/),
);

function promptOf(prompt: unknown): string {
  if (typeof prompt === 'string') return prompt;
  const list = Array.isArray(prompt) ? prompt : [];
  if (list.some((entry) => typeof entry !== 'string')) {
    throw unsupported('prompt', 'This model accepts the prompt only as text, not as token numbers.');
  }
  if (list.length !== 1) {
    throw unsupported('prompt', 'This model accepts one prompt per request; send the others in separate requests.');
  }
  return list[0] as string;
}

/** Refuses options that only text-continuing models have. */
function refuseWhatIsGone(body: JsonObject): void {
  if (optionalBoolean(body.echo, 'echo')) throw unsupported('echo', "'echo' is not supported with this model.");
  if (optionalText(body.suffix, 'suffix')) throw unsupported('suffix', "'suffix' is not supported with this model.");
  const tried = optionalNumber(body.best_of, 'best_of') ?? 1;
  if (tried > (optionalNumber(body.n, 'n') ?? 1)) {
    throw unsupported('best_of', "'best_of' greater than 'n' is not supported with this model.");
  }
}

function maxTokens({ max_tokens: limit }: JsonObject): number {
  const tokens = optionalNumber(limit, 'max_tokens') ?? DEFAULT_MAX_TOKENS;
  if (tokens < 1) throw invalid('max_tokens', 'expected at least 1');
  return tokens;
}

function decodeSampling(body: JsonObject): Sampling {
  return defined({
    temperature: optionalNumber(body.temperature, 'temperature'),
    topP: optionalNumber(body.top_p, 'top_p'),
    seed: optionalExactNumber(body.seed, 'seed'),
    presencePenalty: optionalNumber(body.presence_penalty, 'presence_penalty'),
    frequencyPenalty: optionalNumber(body.frequency_penalty, 'frequency_penalty'),
  });
}

/** The older names that differ from the canonical one in snake case. */
const NAMES: Partial<Record<RequestField, string>> = {
  messages: 'prompt',
  maxOutputTokens: 'max_tokens',
  choices: 'n',
  endUser: 'user',
  logProbabilities: 'logprobs',
};

export function completionsFieldName(field: RequestField): string {
  return NAMES[field] ?? field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
