// ImageRouter's dialect (docs/reference/openai-chat.md section 9): the chunk that finishes the answer
// carries usage and cost, and no chunk is without a choice, since its clients read `choices[0]` of each.
import type { Usage } from '../../contracts/usage.ts';
import type { RelayContext } from '../protocol.ts';
import { editObject, memberBytes } from '../wire/json-object.ts';
import { replaceData, type SseEvent } from '../wire/sse-splitter.ts';
import { type ChatChunk, objectsIn } from './chunk.ts';
import type { StreamUsage } from './stream-usage.ts';
import { insertCost, readChatUsage, usageIn, writeChatUsage } from './usage.ts';
import { dataEvent, identityOf, withoutUsage } from './write-chunk.ts';

/**
 * A finishing chunk is held back until the usage comes or the stream ends. It is given up, without usage, when another
 * chunk shows that the answer goes on: the last choice to finish is the one that carries it.
 */
export class LastEventUsage implements StreamUsage {
  readonly #context: RelayContext;
  #held: { event: SseEvent; bare: Buffer } | null = null;
  /** What came after the held chunk and does not go on with the answer: content filter results. */
  #trailing: Buffer[] = [];
  #usage: { counts: Usage; json: Buffer } | null = null;
  #hasShown = false;
  #hasCalls = false;
  #lastChunk: ChatChunk = {};

  constructor(context: RelayContext) {
    this.#context = context;
  }

  relay(event: SseEvent, chunk: ChatChunk, isFinished: boolean, usage: Usage): Buffer | null {
    const counts = usageIn(chunk);
    if (counts !== null) this.#usage = { counts: usage, json: usageJson(event, chunk, usage) };
    const isKnown = isFinished && counts !== null;
    const choices = objectsIn(chunk.choices);
    if (choices.length === 0) return isKnown && this.#held !== null ? this.#release(this.#usage!) : null;

    this.#lastChunk = chunk;
    this.#hasCalls ||= choices.some((choice) => objectsIn(choice.delta?.tool_calls).length > 0);
    const bare = withoutUsage(event, chunk)!;
    const finishes = choices.some((choice) => Boolean(choice.finish_reason));
    if (!finishes && isFinished && this.#held !== null) {
      this.#trailing.push(bare);
      return isKnown ? this.#release(this.#usage!) : null;
    }
    const before = this.#giveUp();
    if (!finishes || this.#hasShown) return Buffer.concat([...before, bare]);
    this.#held = { event, bare };
    const now = isKnown ? [...before, this.#release(this.#usage!)] : before;
    return now.length === 0 ? null : Buffer.concat(now);
  }

  end(usage: Usage): Buffer | null {
    if (this.#hasShown) return null;
    this.#held ??= this.#ownFinish();
    return this.#release(this.#usage ?? { counts: usage, json: Buffer.from(JSON.stringify(writeChatUsage(usage))) });
  }

  #giveUp(): Buffer[] {
    const given = this.#held === null ? [] : [this.#held.bare, ...this.#trailing];
    this.#held = null;
    this.#trailing = [];
    return given;
  }

  #release({ counts, json }: { counts: Usage; json: Buffer }): Buffer {
    const { event } = this.#held!;
    const chunk = editObject(Buffer.from(event.data!), { set: new Map([['usage', json]]) });
    const priced = insertCost(chunk, this.#context.priceUsage(counts));
    const released = [replaceData(event, priced), ...this.#trailing];
    this.#held = null;
    this.#trailing = [];
    this.#hasShown = true;
    return Buffer.concat(released);
  }

  /** For a provider that said `[DONE]` and never why: usage needs a chunk to be in, and SDKs need a reason. */
  #ownFinish(): { event: SseEvent; bare: Buffer } {
    const reason = this.#hasCalls ? 'tool_calls' : 'stop';
    const nothing = this.#lastChunk.object === 'text_completion' ? { text: '' } : { delta: {} };
    const choices = [{ index: 0, ...nothing, finish_reason: reason }];
    const data = JSON.stringify({ ...identityOf(this.#lastChunk), choices });
    const raw = dataEvent(data);
    return { event: { raw, name: null, data, isSteering: false }, bare: raw };
  }
}

/** In the provider's own bytes where they are in the usual place. */
function usageJson(event: SseEvent, chunk: ChatChunk, counts: Usage): Buffer {
  const own =
    counts.isEstimated || readChatUsage(chunk.usage) === null ? null : memberBytes(Buffer.from(event.data!), 'usage');
  return own ?? Buffer.from(JSON.stringify(writeChatUsage(counts)));
}
