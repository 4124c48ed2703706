// A canonical answer as a chat stream (docs/reference/openai-chat.md section 4).
import type { FinishReason, TokenLogProbability } from '#src/contracts/answer.ts';
import type { Usage } from '#src/contracts/usage.ts';
import {
  type AnswerEncoder,
  type EncodableEvent,
  type EncodeContext,
  idFor,
  type JsonObject,
  type ShownCost,
} from '#src/protocols/codec.ts';
import { insertCost, writeChatUsage } from '#src/protocols/openai/usage.ts';
import { encodeFinishReason, encodeLogProbabilities } from '../answer/answer-parts.ts';
import { customToolNames } from '../answer/encode-answer.ts';
import { isOlderForm } from '../request/decode-request.ts';
import { type BegunChoice, ChoiceEncoder, type ChoiceForm } from './choice-encoder.ts';

const DONE_EVENT = 'data: [DONE]\n\n';

/** What a client has of a stream begun by another encoder or a provider. Empty members were not sent. */
export interface BegunChat extends BegunChoice {
  id: string;
  model: string;
  createdAt?: number;
  serviceTier?: string;
  hasThoughts: boolean;
}

export class ChatAnswerEncoder implements AnswerEncoder {
  readonly #context: EncodeContext;
  readonly #id: string;
  readonly #form: ChoiceForm;
  readonly #choices = new Map<number, ChoiceEncoder>();
  #model: string;
  #createdAt: number;
  #serviceTier: string | undefined;
  /** The latest chunk with a finish reason, held back for clients that expect the usage in it. */
  #held: JsonObject | null = null;

  constructor(context: EncodeContext, begun?: BegunChat) {
    this.#context = context;
    this.#form = { isOlder: isOlderForm(context.clientBody), customTools: customToolNames(context.clientBody) };
    this.#id = begun?.id || idFor('chatcmpl-', context.requestId);
    this.#model = begun?.model || String(context.clientBody.model ?? '');
    this.#createdAt = begun?.createdAt ?? context.createdAt;
    this.#serviceTier = begun?.serviceTier;
    if (begun !== undefined) this.#choices.set(0, new ChoiceEncoder(this.#form, begun));
  }

  encode(event: EncodableEvent): string {
    switch (event.kind) {
      case 'answer-start':
        this.#model = event.model || this.#model;
        this.#createdAt = event.createdAt ?? this.#createdAt;
        this.#serviceTier = event.serviceTier;
        return '';
      case 'service-tier':
        this.#serviceTier = event.serviceTier;
        return '';
      case 'finish':
        return this.#finish(event.choice, event.reason);
      default: {
        const deltas = this.#choice(event.choice).encode(event);
        const tokens = event.kind === 'part-delta' ? event.logProbabilities : undefined;
        return deltas.map((delta) => this.#event(this.#chunk(event.choice, delta, null, tokens))).join('');
      }
    }
  }

  end(usage: Usage, shown: ShownCost): string {
    return this.#usageEvent(usage, shown) + DONE_EVENT;
  }

  #finish(choice: number, reason: FinishReason): string {
    const role = this.#choice(choice).encodeRole();
    const said = role.map((delta) => this.#event(this.#chunk(choice, delta, null))).join('');
    const word = this.#form.isOlder && reason === 'tool-calls' ? 'function_call' : encodeFinishReason(reason);
    const chunk = this.#chunk(choice, {}, word);
    if (this.#context.usageDelivery !== 'last-event') return said + this.#event(chunk);
    const before = said + this.#releaseHeld();
    this.#held = chunk;
    return before;
  }

  /** Releases the held chunk, because another choice continues. */
  #releaseHeld(): string {
    const held = this.#held;
    this.#held = null;
    return held === null ? '' : `data: ${JSON.stringify(held)}\n\n`;
  }

  #usageEvent(usage: Usage, shown: ShownCost): string {
    const { usageDelivery } = this.#context;
    if (usageDelivery === 'none') return '';
    // The decoder adds a missing finish reason, so there always is a held chunk.
    const chunk = usageDelivery === 'last-event' ? this.#held : { ...this.#identity(), choices: [] };
    if (chunk === null) return '';
    const json = Buffer.from(JSON.stringify({ ...chunk, usage: writeChatUsage(usage) }));
    return `data: ${insertCost(json, shown).toString()}\n\n`;
  }

  #choice(index: number): ChoiceEncoder {
    const found = this.#choices.get(index) ?? new ChoiceEncoder(this.#form);
    this.#choices.set(index, found);
    return found;
  }

  #identity(): JsonObject {
    return {
      id: this.#id,
      object: 'chat.completion.chunk',
      created: this.#createdAt,
      model: this.#model,
      ...(this.#serviceTier === undefined ? {} : { service_tier: this.#serviceTier }),
    };
  }

  #chunk(index: number, delta: JsonObject, reason: string | null, tokens?: TokenLogProbability[]): JsonObject {
    const choice = { index, delta, logprobs: encodeLogProbabilities(tokens), finish_reason: reason };
    // OpenAI sends `usage: null` in every chunk if the usage follows at the end.
    const usage = this.#context.usageDelivery === 'own-event' ? { usage: null } : {};
    return { ...this.#identity(), choices: [choice], ...usage };
  }

  #event(chunk: JsonObject): string {
    return `${this.#releaseHeld()}data: ${JSON.stringify(chunk)}\n\n`;
  }
}
