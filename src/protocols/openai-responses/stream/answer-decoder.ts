// Reads the stream of a Responses provider. The first of the lifecycle events begins the answer, `response.completed` or
// `response.incomplete` ends it with usage; unknown events are ignored.
import type { AnswerEvent } from '#src/contracts/answer.ts';
import type { AnswerDecoder, DecodeContext, JsonObject } from '#src/protocols/codec.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { objectOf, present, textOf } from '#src/protocols/wire/loose-json.ts';
import type { SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import { createdAtOf, finishReasonOf } from '../answer/decode-answer.ts';
import { isAboutAnswer, isFailureEvent, parseEvent, type ResponsesEvent, TERMINAL_TYPES } from '../events.ts';
import { MALFORMED_EVENT, readResponsesEventFailure } from '../failures.ts';
import { readResponsesUsage } from '../usage.ts';
import { OutputReader } from './output-reader.ts';

export class ResponsesDecoder implements AnswerDecoder {
  readonly #output: OutputReader;
  #hasStarted = false;
  #hasCalls = false;
  #isOver = false;

  constructor(context: DecodeContext) {
    this.#output = new OutputReader(context);
  }

  decode(event: SseEvent): AnswerEvent[] {
    const data = saidBy(event);
    if (data === null || isDone(data) || this.#isOver) return [];
    const parsed: ResponsesEvent | null = parseEvent(event);
    if (parsed === null) return this.#over([{ kind: 'error', failure: MALFORMED_EVENT }]);
    if (isFailureEvent(parsed)) return this.#over(this.#fail(parsed));
    if (TERMINAL_TYPES.has(parsed.type)) return this.#over(this.#finish(parsed));
    if (!isAboutAnswer(parsed)) return [];
    return [...this.#start(objectOf(parsed.response)), ...this.#track(this.#output.read(parsed))];
  }

  close(): AnswerEvent[] {
    return this.#isOver ? [] : this.#output.end([]);
  }

  #over(events: AnswerEvent[]): AnswerEvent[] {
    this.#isOver = true;
    return events;
  }

  #start(response: JsonObject): AnswerEvent[] {
    if (this.#hasStarted) return [];
    this.#hasStarted = true;
    const { id, model } = response;
    return [
      { kind: 'answer-start', id: textOf(id), model: textOf(model), ...present({ createdAt: createdAtOf(response) }) },
    ];
  }

  #finish(event: ResponsesEvent): AnswerEvent[] {
    // The event's type gives the status where the response leaves it out.
    const response: JsonObject = { status: String(event.type).slice('response.'.length), ...objectOf(event.response) };
    const output = this.#track(this.#output.end(Array.isArray(response.output) ? response.output : []));
    const serviceTier = textOf(response.service_tier);
    return [
      ...this.#start(response),
      ...output,
      ...(serviceTier === '' ? [] : [{ kind: 'service-tier', serviceTier } as const]),
      ...usageEvents(response),
      { kind: 'finish', choice: 0, reason: finishReasonOf(response, this.#hasCalls) },
      { kind: 'end' },
    ];
  }

  /** A failed answer is billed for what it used. */
  #fail(event: ResponsesEvent): AnswerEvent[] {
    const response = objectOf(event.response);
    const failure = readResponsesEventFailure(event.type === 'response.failed' ? response.error : event);
    return [...usageEvents(response), { kind: 'error', failure }];
  }

  #track(events: AnswerEvent[]): AnswerEvent[] {
    this.#hasCalls ||= events.some((event) => event.kind === 'part-start' && event.start.kind === 'tool-call');
    return events;
  }
}

function usageEvents(response: JsonObject): AnswerEvent[] {
  const usage = readResponsesUsage(response.usage, response);
  return usage === null ? [] : [{ kind: 'usage', usage }];
}
