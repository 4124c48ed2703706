// How the usage of a pass-through stream reaches the client: not at all, in the provider's own chunk, or in the chunk that
// finishes the answer. Each leaves every other byte as it came.
import type { Usage } from '../../contracts/usage.ts';
import type { RelayContext } from '../protocol.ts';
import { replaceData, type SseEvent } from '../wire/sse-splitter.ts';
import type { ChatChunk } from './chunk.ts';
import { LastEventUsage } from './last-event-usage.ts';
import type { StreamUsage } from './stream-usage.ts';
import { insertCost, readChatUsage, writeChatUsage } from './usage.ts';
import { dataEvent, identityOf, withoutUsage } from './write-chunk.ts';

export function openStreamUsage(context: RelayContext): StreamUsage {
  switch (context.usageDelivery) {
    case 'none':
      return { relay: withoutUsage, end: () => null };
    case 'own-event':
      return new OwnEventUsage(context);
    case 'last-event':
      return new LastEventUsage(context);
  }
}

/** The provider's usage with the cost added; a chunk of the broker's own where the provider gave none. */
class OwnEventUsage implements StreamUsage {
  readonly #context: RelayContext;
  #hasShown = false;
  /** Identity of the answer, for a usage chunk that the provider left out. */
  #lastChunk: ChatChunk = {};

  constructor(context: RelayContext) {
    this.#context = context;
  }

  relay(event: SseEvent, chunk: ChatChunk, _isFinished: boolean, usage: Usage): Buffer | null {
    this.#lastChunk = chunk;
    const counted = readChatUsage(chunk.usage);
    if (counted === null) return event.raw;
    // What cannot be true is not shown: an estimate is, at the end.
    if (counted.isEstimated) return withoutUsage(event, chunk);
    this.#hasShown = true;
    return replaceData(event, insertCost(Buffer.from(event.data!), this.#context.priceUsage(usage)));
  }

  end(usage: Usage): Buffer | null {
    if (this.#hasShown) return null;
    const chunk = { ...identityOf(this.#lastChunk), choices: [], usage: writeChatUsage(usage) };
    const json = Buffer.from(JSON.stringify(chunk));
    return dataEvent(insertCost(json, this.#context.priceUsage(usage)));
  }
}
