// Decodes a chat stream of any OpenAI-compatible provider. Tolerates missing members; a broken stream never looks complete:
// `finish` is only emitted for the provider's own finish reason, or at its `[DONE]`.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { AnswerDecoder, DecodeContext } from '#src/protocols/codec.ts';
import { readChatEventFailure } from '#src/protocols/openai/failures.ts';
import { usageIn } from '#src/protocols/openai/usage.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import type { SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import { type ChatChunk, errorIn, objectsIn, parseChatChunk, readIdentity } from '../chunk.ts';
import { ChoiceDecoder } from './choice-decoder.ts';

export class ChatAnswerDecoder implements AnswerDecoder {
  readonly #context: DecodeContext;
  readonly #choices = new Map<number, ChoiceDecoder>();
  #events: AnswerEvent[] = [];
  #hasStarted = false;
  #isOver = false;
  #serviceTier: string | null = null;
  /** Number of tool calls of all choices, for generated ids. */
  #calls = 0;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  decode(event: SseEvent): AnswerEvent[] {
    if (!this.#isOver) this.#read(event);
    return this.#events.splice(0);
  }

  close(): AnswerEvent[] {
    if (!this.#isOver) for (const choice of this.#choices.values()) choice.close();
    return this.#events.splice(0);
  }

  #read(event: SseEvent): void {
    const data = saidBy(event);
    if (data === null) return this.#emit({ kind: 'ping' });
    if (isDone(data)) return this.#end();
    const chunk = parseChatChunk(data);
    if (chunk === null) return this.#fail(MALFORMED);
    const error = errorIn(event, chunk) ?? objectsIn(chunk.choices).find((choice) => choice.error)?.error ?? null;
    if (error !== null) return this.#fail(readChatEventFailure(error));
    this.#readChunk(chunk);
  }

  #readChunk(chunk: ChatChunk): void {
    const choices = objectsIn(chunk.choices);
    // Azure's first chunk has filter results, no choices, and neither id nor model.
    if (choices.length > 0) this.#start(chunk);
    for (const choice of choices) this.#choice(choice.index ?? 0).read(choice);
    const usage = usageIn(chunk);
    if (usage !== null) this.#emit({ kind: 'usage', usage });
  }

  #start(chunk: ChatChunk): void {
    const tier = typeof chunk.service_tier === 'string' ? chunk.service_tier : null;
    if (!this.#hasStarted) {
      const more = tier === null ? {} : { serviceTier: tier };
      this.#emit({ kind: 'answer-start', ...readIdentity(chunk), ...more });
    } else if (tier !== null && tier !== this.#serviceTier) this.#emit({ kind: 'service-tier', serviceTier: tier });
    this.#hasStarted = true;
    this.#serviceTier = tier ?? this.#serviceTier;
  }

  #choice(index: number): ChoiceDecoder {
    const found = this.#choices.get(index);
    if (found !== undefined) return found;
    const nextCall = () => this.#calls++;
    const created = new ChoiceDecoder({ index, context: this.#context, nextCall, emit: (event) => this.#emit(event) });
    this.#choices.set(index, created);
    return created;
  }

  #end(): void {
    if (this.#choices.size === 0) return this.#fail(EMPTY);
    for (const choice of this.#choices.values()) choice.finish(null);
    this.#emit({ kind: 'end' });
    this.#isOver = true;
  }

  #fail(failure: Failure): void {
    this.#emit({ kind: 'error', failure });
    this.#isOver = true;
  }

  #emit(event: AnswerEvent): void {
    this.#events.push(event);
  }
}

const MALFORMED = createFailure(
  'upstream_malformed',
  'The provider sent an event that is not valid JSON; the response may be incomplete.',
);
const EMPTY = createFailure('upstream_malformed', 'The provider ended its stream without an answer.');
