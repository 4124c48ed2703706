// The stream of a background response as one client sees it: it begins before any provider is asked, may be taken up
// behind any event, and says its end, good or bad, in an event of its own kind.
import type { Failure } from '../../contracts/failure.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { parseEvent } from '../../protocols/openai-responses/events.ts';
import { type SseEvent, SseSplitter } from '../../protocols/wire/sse-splitter.ts';
import { endMembers, OPENING_EVENTS, ResponseFold } from '../../responses/describe-response.ts';
import type { StreamView } from './relay.ts';

export class ResponseView implements StreamView {
  readonly opening: Buffer;
  readonly #queued: JsonObject;
  readonly #startingAfter: number;
  readonly #fold = new ResponseFold();
  readonly #splitter = new SseSplitter();

  /**
   * @param queued the response as it was before anything came of it
   * @param startingAfter number of the last event that the client has; -1 for none
   * @param opens whether the broker has begun the stream itself, before any provider was asked
   */
  constructor(queued: JsonObject, startingAfter: number, opens = true) {
    this.#queued = queued;
    this.#startingAfter = startingAfter;
    const opening = opens ? OPENING_EVENTS : [];
    const events = opening.map((type, number) => writeEvent(type, number, { response: queued }));
    this.opening = Buffer.concat(events.slice(startingAfter + 1));
  }

  pass(bytes: Buffer): Buffer {
    return Buffer.concat(this.#splitter.push(bytes).map((event) => this.#show(event)));
  }

  end(failure: Failure): Buffer {
    return this.#end(failure.code, failure.message);
  }

  #show(event: SseEvent): Buffer {
    const parsed = parseEvent(event);
    if (parsed?.type === 'error') return this.#end(String(parsed.code), String(parsed.message));
    this.#fold.accept(event);
    return this.#fold.lastSequence > this.#startingAfter ? event.raw : Buffer.alloc(0);
  }

  /** There is no event for a cancellation in the types of the SDKs; its webhook has this name. */
  #end(outcome: string, message: string): Buffer {
    const ending = endMembers(outcome, message);
    const { id } = this.#queued;
    const response = { ...this.#queued, ...this.#fold.response, id, output: this.#fold.output, ...ending };
    const number = Math.max(this.#fold.lastSequence + 1, OPENING_EVENTS.length);
    return writeEvent(`response.${ending.status}`, number, { response });
  }
}

function writeEvent(type: string, number: number, members: JsonObject): Buffer {
  return Buffer.from(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number, ...members })}\n\n`);
}
