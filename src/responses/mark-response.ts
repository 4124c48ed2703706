// Sets the broker's members in the response objects of an answer, whichever provider answered and whether or not it was
// translated: a stored response must have the id by which it can be retrieved.
import type { JsonObject } from '../protocols/codec.ts';
import type { RelayContext, RelayedBody, RelayedEvent, StreamRelay, Translation } from '../protocols/protocol.ts';
import { editObject, isObjectBytes, memberBytes } from '../protocols/wire/json-object.ts';
import { replaceData, type SseEvent, SseSplitter } from '../protocols/wire/sse-splitter.ts';

export interface ResponseMark {
  /** Set in every response object. */
  members: JsonObject;
  /**
   * Number of the first event, in a stream whose opening events the broker sent: the provider's own opening events are
   * dropped. Null keeps the provider's numbers.
   */
  firstNumber: number | null;
  /** Unix seconds: `completed_at` of an answer that lacks it. */
  nowSeconds(): number;
}

export function markTranslation(translation: Translation, mark: ResponseMark): Translation {
  return {
    openStream: (context) => new MarkedStream(translation, context, mark),
    relayBody(body, context): RelayedBody {
      const relayed = translation.relayBody(body, context);
      return relayed.failure === undefined ? { ...relayed, body: markResponse(relayed.body, mark) } : relayed;
    },
  };
}

const BEGINNINGS = new Set(['"response.created"', '"response.queued"']);

class MarkedStream implements StreamRelay {
  readonly #relay: StreamRelay;
  readonly #mark: ResponseMark;
  #nextNumber: number | null;

  constructor(translation: Translation, context: RelayContext, mark: ResponseMark) {
    this.#relay = translation.openStream(context);
    this.#mark = mark;
    this.#nextNumber = mark.firstNumber;
  }

  accept(event: SseEvent): RelayedEvent {
    return this.#marked(this.#relay.accept(event));
  }

  end(): RelayedEvent {
    return this.#marked(this.#relay.end());
  }

  usage() {
    return this.#relay.usage();
  }

  isOver(): boolean {
    return this.#relay.isOver();
  }

  isComplete(): boolean {
    return this.#relay.isComplete();
  }

  #marked(relayed: RelayedEvent): RelayedEvent {
    if (relayed.bytes === null || !this.#concerns(relayed.bytes)) return relayed;
    const bytes = this.#markEvents(relayed.bytes);
    return { ...relayed, bytes: bytes.length === 0 ? null : bytes };
  }

  /** Most events are deltas without a response object. Inside a text, the quotes would be escaped. */
  #concerns(bytes: Buffer): boolean {
    return this.#nextNumber !== null || bytes.includes('"response"');
  }

  #markEvents(bytes: Buffer): Buffer {
    const splitter = new SseSplitter();
    const events = splitter.push(bytes);
    const rest = splitter.end();
    return Buffer.concat([...events.map((event) => this.#markEvent(event)), ...(rest === null ? [] : [rest.raw])]);
  }

  #markEvent(event: SseEvent): Buffer {
    const data = Buffer.from(event.data ?? '');
    if (!isObjectBytes(data)) return event.raw;
    const set = new Map<string, string | Buffer>();
    if (this.#nextNumber !== null) {
      if (BEGINNINGS.has(String(memberBytes(data, 'type')))) return NOTHING;
      set.set('sequence_number', String(this.#nextNumber++));
    }
    const response = memberBytes(data, 'response');
    if (isObjectBytes(response)) set.set('response', markResponse(response, this.#mark));
    return set.size === 0 ? event.raw : replaceData(event, editObject(data, { set }));
  }
}

const NOTHING = Buffer.alloc(0);

/** @param response bytes of a JSON object. */
function markResponse(response: Buffer, { members, nowSeconds }: ResponseMark): Buffer {
  const set = new Map(Object.entries(members).map(([name, value]) => [name, JSON.stringify(value)]));
  const status = memberBytes(response, 'status')?.toString();
  const isUntimed = memberBytes(response, 'completed_at') === null;
  if (isUntimed) set.set('completed_at', status === '"completed"' ? String(nowSeconds()) : 'null');
  return editObject(response, { set });
}
