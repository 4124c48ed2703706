// A canonical answer as a whole completion, and as the stream of one.
import type { Answer, FinishReason } from '../../contracts/answer.ts';
import type { Usage } from '../../contracts/usage.ts';
import {
  type AnswerEncoder,
  type EncodableEvent,
  type EncodeContext,
  idFor,
  type JsonObject,
  type ShownCost,
} from '../codec.ts';
import { insertCost, writeChatUsage } from '../openai-chat/usage.ts';
import { encodeCompletionChoice, encodeOlderFinish, encodeOlderLogProbabilities } from './choice.ts';

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

/** What a client has of a stream that broke off; empty members were not said. */
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
  /** The parts that are texts, as `choice/part`; the others have no place here. */
  readonly #texts = new Set<string>();
  /** UTF-16 units of text so far, by choice. */
  readonly #lengths = new Map<number, number>();
  /** The latest chunk with a finish reason, for a client that finds the usage in it. */
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

  /** Another choice goes on: the one that ended before it is not the last. */
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
