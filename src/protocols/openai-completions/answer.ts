// A canonical answer as a whole completion, and as the stream of one.
import type { Answer, AnswerChoice, FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import {
  type AnswerEncoder,
  type EncodableEvent,
  type EncodeContext,
  idFor,
  type JsonObject,
  type ResumedStream,
  type ShownCost,
} from '../codec.ts';
import { insertCost, writeChatUsage } from '../openai/usage.ts';
import { type ChatChunk, objectsIn, parseChatChunk, readIdentity } from '../openai-chat/chunk.ts';
import { SseSplitter } from '../wire/sse-splitter.ts';

export function encodeCompletion(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string {
  const completion = {
    id: idFor('cmpl-', context.requestId),
    object: 'text_completion',
    created: answer.createdAt ?? context.createdAt,
    model: answer.model || context.clientBody.model,
    choices: answer.choices.map(encodeCompletionChoice),
    usage: writeChatUsage(usage),
  };
  return insertCost(Buffer.from(JSON.stringify(completion)), shown).toString();
}

type PartDelta = Extract<EncodableEvent, { kind: 'part-delta' }>;

/** What a client has of a cut-off stream; empty members were not sent. */
export interface BegunCompletion {
  id: string;
  model: string;
  createdAt?: number;
  text: string;
}

export class CompletionEncoder implements AnswerEncoder {
  readonly #context: EncodeContext;
  readonly #id: string;
  #model: string;
  #createdAt: number;
  /** The parts that are texts, as `choice/part`; other parts are not written. */
  readonly #texts = new Set<string>();
  /** UTF-16 units of text so far, by choice. */
  readonly #lengths = new Map<number, number>();
  /** The latest chunk with a finish reason, held back for clients that expect the usage in it. */
  #held: JsonObject | null = null;

  constructor(context: EncodeContext, begun?: BegunCompletion) {
    this.#context = context;
    this.#id = begun?.id || idFor('cmpl-', context.requestId);
    this.#model = begun?.model || String(context.clientBody.model ?? '');
    this.#createdAt = begun?.createdAt ?? context.createdAt;
    if (begun === undefined || begun.text === '') return;
    this.#texts.add(keyOf({ choice: 0, part: 0 }));
    this.#lengths.set(0, begun.text.length);
  }

  encode(event: EncodableEvent): string {
    switch (event.kind) {
      case 'answer-start':
        this.#model = event.model || this.#model;
        this.#createdAt = event.createdAt ?? this.#createdAt;
        return '';
      case 'part-start':
        if (event.start.kind === 'text' || event.start.kind === 'refusal') this.#texts.add(keyOf(event));
        return '';
      case 'part-delta':
        return this.#texts.has(keyOf(event)) ? this.#delta(event) : '';
      case 'finish':
        return this.#finish(event.choice, event.reason);
      default:
        return '';
    }
  }

  end(usage: Usage, shown: ShownCost): string {
    const { usageDelivery } = this.#context;
    const chunk = usageDelivery === 'own-event' ? this.#chunk([]) : this.#held;
    if (usageDelivery === 'none' || chunk === null) return DONE_EVENT;
    const json = Buffer.from(JSON.stringify({ ...chunk, usage: writeChatUsage(usage) }));
    return `data: ${insertCost(json, shown).toString()}\n\n${DONE_EVENT}`;
  }

  #delta({ choice, delta, logProbabilities = [] }: PartDelta): string {
    if (delta === '' && logProbabilities.length === 0) return '';
    const before = this.#lengths.get(choice) ?? 0;
    this.#lengths.set(choice, before + delta.length);
    const logprobs = encodeOlderLogProbabilities(logProbabilities, before);
    return this.#event(this.#chunk([{ text: delta, index: choice, logprobs, finish_reason: null }]));
  }

  #finish(index: number, reason: FinishReason): string {
    const chunk = this.#chunk([{ text: '', index, logprobs: null, finish_reason: encodeOlderFinish(reason) }]);
    if (this.#context.usageDelivery !== 'last-event') return this.#event(chunk);
    const before = this.#releaseHeld();
    this.#held = chunk;
    return before;
  }

  #chunk(choices: JsonObject[]): JsonObject {
    return {
      id: this.#id,
      object: 'text_completion',
      created: this.#createdAt,
      model: this.#model,
      choices,
      ...(this.#context.usageDelivery === 'own-event' ? { usage: null } : {}),
    };
  }

  #event(chunk: JsonObject): string {
    return `${this.#releaseHeld()}data: ${JSON.stringify(chunk)}\n\n`;
  }

  /** Releases the held chunk, because another choice continues. */
  #releaseHeld(): string {
    const held = this.#held;
    this.#held = null;
    return held === null ? '' : `data: ${JSON.stringify(held)}\n\n`;
  }
}

const DONE_EVENT = 'data: [DONE]\n\n';

function keyOf({ choice, part }: { choice: number; part: number }): string {
  return `${choice}/${part}`;
}

// One choice of the older completions: a text, why it ended, and its log probabilities in their older form.

/** Includes refusals, so that the client sees them; reasoning and calls cannot be expressed here. */
export function textOfParts(parts: readonly Part[]): string {
  return parts.map((part) => (part.kind === 'text' || part.kind === 'refusal' ? part.text : '')).join('');
}

export function encodeCompletionChoice({ index, parts, finishReason, logProbabilities }: AnswerChoice): JsonObject {
  return {
    text: textOfParts(parts),
    index,
    logprobs: encodeOlderLogProbabilities(logProbabilities ?? [], 0),
    finish_reason: encodeOlderFinish(finishReason),
  };
}

/** There are only three reasons; an incomplete answer has `length`. */
export function encodeOlderFinish(reason: FinishReason): string {
  switch (reason) {
    case 'length':
    case 'error':
      return 'length';
    case 'content-filter':
      return 'content_filter';
    default:
      return 'stop';
  }
}

/** Null for none. `offset`: UTF-16 units of the choice's text before the first of these tokens. */
export function encodeOlderLogProbabilities(tokens: readonly TokenLogProbability[], offset: number) {
  if (tokens.length === 0) return null;
  let at = offset;
  const offsets = tokens.map(({ token }) => {
    const start = at;
    at += token.length;
    return start;
  });
  return {
    text_offset: offsets,
    token_logprobs: tokens.map(({ logProbability }) => logProbability),
    tokens: tokens.map(({ token }) => token),
    top_logprobs: tokens.map(({ alternatives }) =>
      Object.fromEntries(alternatives.map(({ token, logProbability }) => [token, logProbability])),
    ),
  };
}

// Resumes a client's cut-off stream. Such a client sees only one text.

/** Null if it had ended, or if the client requested several answers. */
export function resumeCompletionStream(delivered: Buffer, context: EncodeContext): ResumedStream | null {
  if (Number(context.clientBody.n ?? 1) > 1) return null;
  const begun: BegunCompletion = { id: '', model: '', text: '' };
  for (const { data } of new SseSplitter().push(delivered)) {
    if (data === null) continue;
    const chunk = parseChatChunk(data);
    if (chunk === null || !advance(begun, chunk)) return null;
  }
  return { encoder: new CompletionEncoder(context, begun), part: 0, text: begun.text, isOpen: begun.text !== '' };
}

/** False if the stream cannot be resumed. */
function advance(begun: BegunCompletion, chunk: ChatChunk): boolean {
  if (chunk.error) return false;
  const { id, model, createdAt } = readIdentity(chunk);
  begun.id ||= id;
  begun.model ||= model;
  if (createdAt !== undefined) begun.createdAt ??= createdAt;
  return objectsIn(chunk.choices).every(({ index = 0, text, finish_reason: reason }) => {
    if (typeof text === 'string') begun.text += text;
    return index === 0 && !reason;
  });
}
