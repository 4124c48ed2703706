import type { Usage } from '#src/contracts/usage.ts';
import { insertCost, readChatUsage, usageIn, writeChatUsage } from '#src/protocols/openai/usage.ts';
import type { RelayContext } from '#src/protocols/protocol.ts';
import { editObject, memberBytes } from '#src/protocols/wire/json-object.ts';
import { replaceData, type SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import { type ChatChunk, objectsIn } from '../chunk.ts';

/** Shows the usage of one pass-through stream. */
export interface StreamUsage {
  /** Returns the client's form of the chunk, preceded by held chunks; null for nothing. @param usage of the answer so far. */
  relay(event: SseEvent, chunk: ChatChunk, isFinished: boolean, usage: () => Usage): Buffer | null;
  /** What is sent between the last chunk and `[DONE]`. */
  end(usage: Usage): Buffer | null;
}

// How the usage of a pass-through stream reaches the client: not at all, in the provider's own chunk, or in the chunk that
// finishes the answer. All other bytes stay unchanged.
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

/** The provider's usage with the cost added, or a chunk of the broker if the provider sent none. */
class OwnEventUsage implements StreamUsage {
  readonly #context: RelayContext;
  #hasShown = false;
  /** The latest chunk of a provider that sends usage before the answer is finished (docs/reference/openai-chat.md section 9). */
  #running: { event: SseEvent; chunk: ChatChunk } | null = null;
  /** Identity of the answer, for a usage chunk if the provider sends none. */
  #lastChunk: ChatChunk = {};

  constructor(context: RelayContext) {
    this.#context = context;
  }

  relay(event: SseEvent, chunk: ChatChunk, isFinished: boolean, usage: () => Usage): Buffer | null {
    this.#lastChunk = chunk;
    const counted = readChatUsage(chunk.usage);
    if (counted === null) return event.raw;
    // Impossible counts are not shown here; the estimate follows at the end.
    if (counted.isEstimated) return withoutUsage(event, chunk);
    if (!this.#isShownNow(event, chunk, isFinished)) return withoutUsage(event, chunk);
    this.#hasShown = true;
    return replaceData(event, insertCost(Buffer.from(event.data!), this.#context.priceUsage(usage())));
  }

  /** Clients that add up what they get (LangChain, Pydantic AI: findings/usage-in-every-chunk.sh) must get it once. */
  #isShownNow(event: SseEvent, chunk: ChatChunk, isFinished: boolean): boolean {
    if (this.#context.hasRunningUsage === true) return true;
    // Some providers repeat the usage of the finishing chunk in a chunk of its own.
    if (this.#hasShown) return false;
    const choices = objectsIn(chunk.choices);
    const isLast = isFinished && (choices.length === 0 || choices.some((choice) => Boolean(choice.finish_reason)));
    if (isLast && (choices.length === 0 || this.#running === null)) return true;
    this.#running = { event, chunk };
    return false;
  }

  end(usage: Usage): Buffer | null {
    if (this.#hasShown) return null;
    const bare = Buffer.from(JSON.stringify({ ...identityOf(this.#lastChunk), choices: [] }));
    const counts =
      this.#running === null ? countsOf(usage) : usageJson(this.#running.event, this.#running.chunk, usage);
    const json = editObject(bare, { set: new Map([['usage', counts]]) });
    return dataEvent(insertCost(json, this.#context.priceUsage(usage)));
  }
}

// ImageRouter's dialect (docs/reference/openai-chat.md section 9): the chunk that finishes the answer
// carries usage and cost, and every chunk has a choice, since its clients read `choices[0]` of each.

/**
 * A finishing chunk is held back until the usage comes or the stream ends. It is released without usage if another chunk
 * shows that the answer continues: the last choice to finish carries the usage.
 */
export class LastEventUsage implements StreamUsage {
  readonly #context: RelayContext;
  #held: { event: SseEvent; bare: Buffer } | null = null;
  /** Chunks after the held one that do not continue the answer: content filter results. */
  #trailing: Buffer[] = [];
  #usage: { counts: Usage; json: Buffer } | null = null;
  #hasShown = false;
  #hasCalls = false;
  #lastChunk: ChatChunk = {};

  constructor(context: RelayContext) {
    this.#context = context;
  }

  relay(event: SseEvent, chunk: ChatChunk, isFinished: boolean, usage: () => Usage): Buffer | null {
    const counts = usageIn(chunk);
    if (counts !== null) {
      const soFar = usage();
      this.#usage = { counts: soFar, json: usageJson(event, chunk, soFar) };
    }
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
    return this.#release(this.#usage ?? { counts: usage, json: countsOf(usage) });
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

  /** For a provider that sent `[DONE]` without a reason: the usage needs a chunk, and SDKs need a reason. */
  #ownFinish(): { event: SseEvent; bare: Buffer } {
    const reason = this.#hasCalls ? 'tool_calls' : 'stop';
    const nothing = this.#lastChunk.object === 'text_completion' ? { text: '' } : { delta: {} };
    const choices = [{ index: 0, ...nothing, finish_reason: reason }];
    const data = JSON.stringify({ ...identityOf(this.#lastChunk), choices });
    const raw = dataEvent(data);
    return { event: { raw, name: null, data, isSteering: false }, bare: raw };
  }
}

/** From the provider's own bytes, if they are in the usual place. */
function usageJson(event: SseEvent, chunk: ChatChunk, counts: Usage): Buffer {
  const own =
    counts.isEstimated || readChatUsage(chunk.usage) === null ? null : memberBytes(Buffer.from(event.data!), 'usage');
  return own ?? countsOf(counts);
}

function countsOf(usage: Usage): Buffer {
  return Buffer.from(JSON.stringify(writeChatUsage(usage)));
}

// Small edits of the chunks that relays pass on, and the chunks that they add.
const USAGE_NULL = Buffer.from(',"usage":null');
const WITHOUT_USAGE = { remove: ['usage'] };

/** The chunk without usage; null if it contained only usage. */
export function withoutUsage(event: SseEvent, chunk: ChatChunk): Buffer | null {
  if (chunk.usage === undefined) return event.raw;
  if (chunk.usage !== null && (chunk.choices?.length ?? 0) === 0) return null;
  // Inside a JSON string the quotes would be escaped, so these bytes can only be the member itself.
  const at = chunk.usage === null ? event.raw.indexOf(USAGE_NULL) : -1;
  if (at >= 0) return Buffer.concat([event.raw.subarray(0, at), event.raw.subarray(at + USAGE_NULL.length)]);
  return replaceData(event, editObject(Buffer.from(event.data!), WITHOUT_USAGE));
}

/** The identifying members of an answer's chunks, for a chunk that the broker adds. */
export function identityOf({ id, object = 'chat.completion.chunk', created, model }: ChatChunk) {
  return { id, object, created, model };
}

export function dataEvent(json: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from('data: '), Buffer.from(json), Buffer.from('\n\n')]);
}
