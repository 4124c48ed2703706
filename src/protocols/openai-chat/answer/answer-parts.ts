// Decodes and encodes what Chat has in addition to text: finish reasons, citations, images, log probabilities.
import type { FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Citation, ImagePart } from '#src/contracts/inference-request.ts';
import { sourceOfUrl, writeDataUrl } from '#src/protocols/openai/data-url.ts';
import { decodeExtraContent, encodeExtraContent } from '../signatures.ts';

const DECODED: ReadonlyMap<string, FinishReason> = new Map<string, FinishReason>([
  ['stop', 'stop'],
  // Other names of `stop` (older vLLM and TGI, Together, Cohere, Anthropic's through gateways).
  ...[
    ...['eos', 'eos_token', 'end_of_text', 'end_of_turn', 'end_turn', 'stop_sequence', 'stop_token', 'end', 'done'],
    ...['complete', 'completed', 'finish', 'finished', 'normal'],
  ].map((word): [string, FinishReason] => [word, 'stop']),
  ['length', 'length'],
  ['tool_calls', 'tool-calls'],
  ['function_call', 'tool-calls'],
  ['content_filter', 'content-filter'],
  // OpenRouter; vLLM and SGLang for aborted requests.
  ['error', 'error'],
  ['abort', 'error'],
  // Mistral.
  ['model_length', 'length'],
  // DeepSeek, Z.ai.
  ['insufficient_system_resource', 'error'],
  ['network_error', 'error'],
  ['sensitive', 'content-filter'],
  // Other protocols' reasons, passed on by gateways.
  ['max_tokens', 'length'],
  ['tool_use', 'tool-calls'],
  ['safety', 'content-filter'],
  ['refusal', 'content-filter'],
  ['recitation', 'content-filter'],
  ['blocklist', 'content-filter'],
  ['prohibited_content', 'content-filter'],
  ['spii', 'content-filter'],
  ['model_armor', 'content-filter'],
]);

/**
 * A missing reason counts as a stop, because the provider ended the stream itself. An unknown reason is an error. A stop with
 * tool calls counts as `tool_calls` (Ollama, Gemini's OpenAI endpoint, and OpenAI for a forced call send `stop` there);
 * `tool_calls` without calls counts as a stop.
 */
export function decodeFinishReason(reason: unknown, hasCalls: boolean): FinishReason {
  const word = typeof reason === 'string' ? reason.toLowerCase() : '';
  const decoded = word === '' ? 'stop' : (DECODED.get(word) ?? 'error');
  const isOver = decoded === 'stop' || decoded === 'tool-calls';
  return isOver ? (hasCalls ? 'tool-calls' : 'stop') : decoded;
}

const ENCODED: Readonly<Record<FinishReason, string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
  // A client of Chat cannot resume a paused turn.
  pause: 'stop',
  // OpenAI has no such reason; this one means that the answer is incomplete.
  error: 'length',
};

export function encodeFinishReason(reason: FinishReason): string {
  return ENCODED[reason];
}

// Citations of the web in OpenAI Chat's shape (`annotations[].url_citation`), both ways. Offsets refer to the whole message
// there, and to one part in the canonical form.
export function decodeAnnotations(annotations: unknown): Citation[] {
  if (!Array.isArray(annotations)) return [];
  return annotations.flatMap((annotation) => {
    const cited = (annotation as { url_citation?: Record<string, unknown> } | null)?.url_citation;
    return typeof cited?.url === 'string' ? [decodeCitation(cited.url, cited)] : [];
  });
}

function decodeCitation(url: string, cited: Record<string, unknown>): Citation {
  return {
    url,
    ...(typeof cited.title === 'string' ? { title: cited.title } : {}),
    ...(Number.isInteger(cited.start_index) ? { startIndex: cited.start_index as number } : {}),
    ...(Number.isInteger(cited.end_index) ? { endIndex: cited.end_index as number } : {}),
    // OpenRouter adds the cited text.
    ...(typeof cited.content === 'string' ? { citedText: cited.content } : {}),
  };
}

/**
 * The citations of a part that begins at `offset` in the message. A citation without a range supports the whole part; one
 * without a URL cannot be expressed here.
 */
export function encodeAnnotations(citations: readonly Citation[], offset: number, length: number) {
  return citations.flatMap(({ url, title, startIndex, endIndex }) => {
    if (url === undefined) return [];
    const place = { start_index: offset + (startIndex ?? 0), end_index: offset + (endIndex ?? length) };
    return [{ type: 'url_citation', url_citation: { ...place, url, title: title ?? url } }];
  });
}

// Generated images in OpenRouter's shape (`message.images`): OpenAI Chat has none.
export function decodeImages(images: unknown): ImagePart[] {
  if (!Array.isArray(images)) return [];
  return images.flatMap((image) => {
    const { image_url: held, extra_content: extra } = (image ?? {}) as Record<string, unknown>;
    const url = typeof held === 'string' ? held : (held as { url?: unknown } | undefined)?.url;
    if (typeof url !== 'string') return [];
    const signature = decodeExtraContent(extra);
    return [{ kind: 'image' as const, source: sourceOfUrl(url), ...(signature ? { signature } : {}) }];
  });
}

/** Null for an image that is only given as its provider's file id. */
export function encodeImage({ source, signature }: ImagePart) {
  if (source.kind === 'file-id') return null;
  const url = source.kind === 'url' ? source.url : writeDataUrl(source);
  const extra = encodeExtraContent(signature);
  return { type: 'image_url', image_url: { url }, ...(extra === null ? {} : { extra_content: extra }) };
}

// Log probabilities of tokens in OpenAI Chat's shape, both ways.
interface WireToken {
  token?: unknown;
  logprob?: unknown;
  bytes?: unknown;
  top_logprobs?: unknown;
}

/** From `choices[].logprobs`; empty for none. */
export function decodeLogProbabilities(logprobs: unknown): TokenLogProbability[] {
  const { content, refusal } = (logprobs ?? {}) as { content?: unknown; refusal?: unknown };
  return [...tokensIn(content), ...tokensIn(refusal)];
}

function tokensIn(list: unknown): TokenLogProbability[] {
  return wireTokens(list).map((wire) => ({
    ...decodeToken(wire),
    alternatives: wireTokens(wire.top_logprobs).map(decodeToken),
  }));
}

function wireTokens(list: unknown): WireToken[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : [];
}

function decodeToken({ token, logprob, bytes }: WireToken) {
  return {
    token: typeof token === 'string' ? token : '',
    logProbability: typeof logprob === 'number' ? logprob : 0,
    bytes: Array.isArray(bytes) ? (bytes as number[]) : null,
  };
}

/** The `logprobs` of a choice; null if the provider gave none. */
export function encodeLogProbabilities(tokens: readonly TokenLogProbability[] | undefined) {
  if (tokens === undefined || tokens.length === 0) return null;
  return {
    content: tokens.map((token) => ({ ...encodeToken(token), top_logprobs: token.alternatives.map(encodeToken) })),
    refusal: null,
  };
}

function encodeToken({ token, logProbability, bytes }: Omit<TokenLogProbability, 'alternatives'>) {
  return { token, logprob: logProbability, bytes: bytes ?? null };
}
