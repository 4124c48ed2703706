// Responses passed through, streamed or not: byte for byte, except for the added cost. Every event is parsed: a
// broken stream must never look complete.

import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { insertCost, withModel } from '#src/protocols/openai/usage.ts';
import type { RelayContext, RelayedBody, RelayedEvent, StreamRelay } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { editObject, isObjectBytes, memberBytes } from '#src/protocols/wire/json-object.ts';
import { isObject, objectOf, objectsOf, parseObject, textOf } from '#src/protocols/wire/loose-json.ts';
import { replaceData, type SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import { bytesOfItem, isContent, isFailureEvent, parseEvent, type ResponsesEvent, TERMINAL_TYPES } from '../events.ts';
import { CUT, failureOfAnswer, MALFORMED_EVENT, readResponsesEventFailure } from '../failures.ts';
import { estimateUsage, readResponsesUsage, writeUsageInto } from '../usage.ts';

export class ResponsesStreamRelay implements StreamRelay {
  readonly #context: RelayContext;
  #hasStarted = false;
  #isComplete = false;
  #usage: Usage | null = null;
  #outputBytes = 0;

  constructor(context: RelayContext) {
    this.#context = context;
  }

  accept(event: SseEvent): RelayedEvent {
    const data = saidBy(event);
    if (data === null) return NOTHING;
    // OpenAI does not send it, but gateways over Chat Completions do; SDKs stop there.
    if (isDone(data)) return { bytes: this.#isComplete ? event.raw : null };
    if (this.#isComplete) return NOTHING;
    const parsed = parseEvent(event);
    if (parsed === null) return { bytes: null, failure: MALFORMED_EVENT };
    if (isFailureEvent(parsed)) return this.#fail(parsed);
    this.#hasStarted = true;
    if (TERMINAL_TYPES.has(parsed.type)) return { bytes: this.#finish(event, parsed) };
    this.#outputBytes += Buffer.byteLength(textOf(parsed.delta));
    return { bytes: this.#nameModel(event, parsed), isPreamble: !isContent(parsed) };
  }

  end(): RelayedEvent {
    return this.#isComplete ? NOTHING : { bytes: null, failure: CUT };
  }

  usage(): Usage {
    const inputTokens = this.#hasStarted ? this.#context.estimatedInputTokens : 0;
    return countedOr(this.#usage, estimateUsage(inputTokens, this.#outputBytes));
  }

  isOver(): boolean {
    return this.#isComplete;
  }

  isComplete(): boolean {
    return this.#isComplete;
  }

  /**
   * The provider's own event is never relayed, even if the client has seen part of the answer: it may be about the
   * broker's account, and a stream cannot be resumed after `response.failed`. The broker ends it with an error event of
   * its own (invariants 7 and 12).
   */
  #fail(event: ResponsesEvent): RelayedEvent {
    const response = objectOf(event.response);
    this.#usage = readResponsesUsage(response.usage, response) ?? this.#usage;
    return {
      bytes: null,
      failure: readResponsesEventFailure(event.type === 'response.failed' ? response.error : event),
    };
  }

  /** Adds the model to events with a response, for a provider that leaves it out. */
  #nameModel(event: SseEvent, { response: said }: ResponsesEvent): Buffer {
    if (!isObject(said) || said.model) return event.raw;
    const json = Buffer.from(event.data!);
    const response = withModel(memberBytes(json, 'response')!, said, this.#context);
    return replaceData(event, editObject(json, { set: new Map([['response', response]]) }));
  }

  #finish(event: SseEvent, parsed: ResponsesEvent): Buffer {
    this.#isComplete = true;
    const said = objectOf(parsed.response);
    this.#usage = readResponsesUsage(said.usage, said);
    const usage = this.usage();
    const json = Buffer.from(event.data!);
    const sent = memberBytes(json, 'response');
    const named = withModel(isObjectBytes(sent) ? sent : EMPTY_OBJECT, said, this.#context);
    const response = writeUsageInto(named, usage);
    const shown = this.#context.priceUsage(usage);
    const set = new Map<string, string | Buffer>([
      ['response', insertCost(response, shown)],
      ['cost', shown.charge],
    ]);
    return replaceData(event, editObject(json, { set }));
  }
}

const EMPTY_OBJECT = Buffer.from('{}');
const NOTHING: RelayedEvent = Object.freeze({ bytes: null });

// Not streamed: the provider's bytes with the cost added.
export function relayResponsesBody(body: Buffer, context: RelayContext): RelayedBody {
  const answer = parseObject(body.toString());
  const reported = readResponsesUsage(answer?.usage, answer ?? {});
  const failure = failureOfAnswer(answer);
  if (failure !== null) return { body, usage: reported ?? NO_USAGE, failure };
  const usage = countedOr(reported, estimateUsage(context.estimatedInputTokens, bytesOfOutput(answer!)));
  const base = writeUsageInto(withModel(body, answer!, context), usage);
  return { body: insertCost(base, context.priceUsage(usage)), usage };
}

function bytesOfOutput(answer: JsonObject): number {
  return objectsOf(answer.output).reduce((sum, item) => sum + bytesOfItem(item), 0);
}
