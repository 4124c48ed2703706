// The client's face of generateContent: what the broker uses of a request. Checks only that; every other field, known or
// not, is left to the provider.

import { z } from 'zod';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import { NO_USAGE } from '#src/contracts/usage.ts';
import { effectiveRequest, extraMembers, outputBound } from '#src/protocols/call/effective-request.ts';
import { providerPreferences, readPreferences } from '#src/protocols/call/provider-preferences.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { removeForeignSignatures } from '#src/protocols/gemini-generate-content/parts.ts';
import { asNumber, asObject, asObjects, asText, field } from '#src/protocols/gemini-generate-content/wire-values.ts';
import type {
  EncodedAnswer,
  PassThroughInput,
  RelayContext,
  RelayedBody,
  RequestFacts,
  RequestTarget,
} from '#src/protocols/protocol.ts';
import { TOKENS_PER_IMAGE, TOKENS_PER_MESSAGE, tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { mayHoldForeignSignature } from '#src/protocols/translate/signatures.ts';
import { parseCarried, parseJson } from '#src/protocols/wire/exact-json.ts';
import { editObject, isObjectBytes, memberBytes } from '#src/protocols/wire/json-object.ts';
import { textBytesOf } from '#src/protocols/wire/long-strings.ts';

const names = z.array(z.string()).nullish();

const count = z.number().int().positive().nullish();

/** In addition to what routing needs, `models` and `provider` of OpenRouter (openrouter.ai/docs/features/provider-routing). */
export const geminiRequest = z.looseObject({
  contents: z.array(z.looseObject({})).min(1),
  generationConfig: z.looseObject({ maxOutputTokens: count, candidateCount: count }).nullish(),
  models: names,
  provider: providerPreferences,
  extra_body: z.record(z.string(), z.unknown()).nullish(),
});

/** Body members that are the broker's own and never reach a provider. */
export const BROKER_MEMBERS = ['models', 'provider', 'extra_body'] as const;

export function readGeminiRequest(body: unknown, target: RequestTarget): RequestFacts | Failure {
  const path = readMethodPath(target);
  if (path === null) return createFailure('route_not_found', `Unknown method: ${target.path}.`);
  const request = asObject(effectiveRequest(body));
  if (request === null) return createFailure('request_invalid', 'The request body must be a JSON object.');
  const parsed = geminiRequest.safeParse(inCamelCase({ ...request, ...listed(request) }));
  if (!parsed.success) return describeIssue(parsed.error.issues[0]!, request);
  const { generationConfig, models, provider } = parsed.data;
  const choices = generationConfig?.candidateCount ?? 1;
  return {
    model: path.model,
    isStream: path.method === 'streamGenerateContent',
    usageDelivery: 'own-event',
    estimatedInputTokens: estimateInputTokens(request),
    maxOutputTokens: outputBound(request),
    choices,
    alternativeModels: models ?? [],
    preferences: readPreferences(provider),
  };
}

/** `countTokens` accepts the contents themselves, or a whole request in `generateContentRequest`. */
export function readTokenCountRequest(body: unknown, target: RequestTarget): RequestFacts | Failure {
  const request = asObject(body);
  return readGeminiRequest(asObject(field(request, 'generateContentRequest')) ?? request, target);
}

/** A single content is a list of one. */
function listed({ contents }: JsonObject): JsonObject {
  return asObject(contents) === null ? {} : { contents: [contents] };
}

function inCamelCase(request: JsonObject): JsonObject {
  const config = field(request, 'generationConfig');
  const object = asObject(config);
  if (object === null) return config === undefined ? request : { ...request, generationConfig: config };
  const generationConfig = {
    maxOutputTokens: field(object, 'maxOutputTokens'),
    candidateCount: field(object, 'candidateCount'),
  };
  return { ...request, generationConfig };
}

/** The first fault: which field, what is wrong, what to do. */
function describeIssue(issue: z.core.$ZodIssue, body: JsonObject): Failure {
  const param = issue.path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('')
    .slice(1);
  if (param === 'contents' && body.contents === undefined) {
    return createFailure('parameter_missing', 'contents is not specified.', { param });
  }
  const message = issue.message.charAt(0).toLowerCase() + issue.message.slice(1);
  return createFailure('request_invalid', `Invalid value for '${param}': ${message}.`, { param });
}

// Reads a Gemini URL: the model, the method, and how a stream is framed. The model may contain slashes
// (`models/openai/gpt-4o:generateContent`) and percent-escapes; some clients escape the colon too. The AI SDK leaves
// `models/` out before a name with a slash (npm @ai-sdk/google, November 2026), taking it for a path of Google's.

export type GeminiMethod = 'generateContent' | 'streamGenerateContent' | 'countTokens';

interface MethodPath {
  model: string;
  method: GeminiMethod;
  /** False without `alt=sse`: the client gets one JSON array, sent piecewise. */
  isSse: boolean;
}

/** npm @google/genai 3.1.0 uses `/v1` by default; older versions and the Python SDK use `/v1beta`. */
const PATH = /^\/(?:v1(?:beta|alpha)?\/models|v1beta)\/(.+)$/;
const METHOD = /^(.+):(generateContent|streamGenerateContent|countTokens)$/s;

/** Null if the path is not a method of a model. */
export function readMethodPath({ path, query }: RequestTarget): MethodPath | null {
  const rest = percentDecoded(PATH.exec(path)?.[1] ?? '');
  const [, model, method] = METHOD.exec(rest ?? '') ?? [];
  if (model === undefined || method === undefined) return null;
  return { model, method: method as GeminiMethod, isSse: query.alt === 'sse' };
}

function percentDecoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

// Prompt tokens by size: text by its bytes, images at a flat rate, other binary parts by a fraction of theirs.

/** Base64 of a document says little about its text: a tenth is a fair estimate for PDF, and too high for audio. */
const BINARY_SHARE = 10;

function estimateInputTokens(request: JsonObject): number {
  const contents = [...asObjects(request.contents), asObject(field(request, 'systemInstruction'))];
  const tools = request.tools === undefined ? 0 : tokensOfBytes(JSON.stringify(request.tools).length);
  return contents.reduce((sum, content) => sum + tokensOfContent(content), TOKENS_PER_MESSAGE) + tools;
}

function tokensOfContent(content: JsonObject | null): number {
  if (content === null) return 0;
  return asObjects(content.parts).reduce((sum, part) => sum + tokensOfPart(part), TOKENS_PER_MESSAGE);
}

function tokensOfPart(part: JsonObject): number {
  const textBytes = textBytesOf(part, 'text');
  if (textBytes !== null) return tokensOfBytes(textBytes);
  const media = asObject(field(part, 'inlineData')) ?? asObject(field(part, 'fileData'));
  if (media === null) return tokensOfBytes(JSON.stringify(part).length);
  const mimeType = asText(field(media, 'mimeType')) ?? '';
  if (mimeType.startsWith('image/')) return TOKENS_PER_IMAGE;
  const data = asText(media.data);
  if (data === undefined) return TOKENS_PER_IMAGE;
  return tokensOfBytes(mimeType.startsWith('text/') ? (data.length * 3) / 4 : data.length / BINARY_SHARE);
}

// The provider's face of generateContent, outgoing: the client's bytes with the fewest possible changes.

/**
 * The broker's members are taken out and `extra_body` is merged in (over the members of the same name). The model is in
 * the path; one in the body would be the client's name for it.
 */
export function buildGeminiBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  if (mayHoldForeignSignature(input.body) && !set.has('contents')) {
    const contents = memberBytes(input.body, 'contents');
    if (contents !== null)
      set.set('contents', JSON.stringify(removeForeignSignatures(parseCarried(contents.toString()))));
  }
  return editObject(input.body, { set, remove: [...BROKER_MEMBERS, 'model'] });
}

// `models/{model}:countTokens`: sent to a Gemini provider if the model has one, else answered with the broker's estimate.

/** Counting is free: no usage, no cost. */
export function relayTokenCount(body: Buffer, _context: RelayContext): RelayedBody {
  const answer = asObject(parseJson(body.toString()));
  if (asNumber(answer?.totalTokens) !== undefined) return { body, usage: NO_USAGE };
  const failure = createFailure('upstream_malformed', 'The provider responded with 200, but without a token count.');
  return { body, usage: NO_USAGE, failure };
}

/** The request may be wrapped in `generateContentRequest`, which names the model again. */
export function buildTokenCountBody(input: PassThroughInput): Buffer {
  let body = buildGeminiBody(input);
  for (const name of ['generateContentRequest', 'generate_content_request']) {
    const inner = memberBytes(body, name);
    if (!isObjectBytes(inner)) continue;
    const built = buildGeminiBody({ ...input, body: inner });
    const model = JSON.stringify(`models/${input.upstreamModel}`);
    body = editObject(body, { set: new Map([[name, editObject(built, { set: new Map([['model', model]]) })]]) });
  }
  return body;
}

export function answerTokenCount(facts: RequestFacts): EncodedAnswer {
  return {
    status: 200,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    body: Buffer.from(JSON.stringify({ totalTokens: facts.estimatedInputTokens })),
  };
}
