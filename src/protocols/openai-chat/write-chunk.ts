// Small edits of the chunks that relays pass on, and the chunks that they add.
import { editObject } from '../wire/json-object.ts';
import { replaceData, type SseEvent } from '../wire/sse-splitter.ts';
import type { ChatChunk } from './chunk.ts';

const USAGE_NULL = Buffer.from(',"usage":null');
const WITHOUT_USAGE = { remove: ['usage'] };

/** The chunk without usage; null when it was there for the usage only. */
export function withoutUsage(event: SseEvent, chunk: ChatChunk): Buffer | null {
  if (chunk.usage === undefined) return event.raw;
  if (chunk.usage !== null && (chunk.choices?.length ?? 0) === 0) return null;
  // Inside a JSON string the quotes would be escaped, so these bytes can only be the member itself.
  const at = chunk.usage === null ? event.raw.indexOf(USAGE_NULL) : -1;
  if (at >= 0) return Buffer.concat([event.raw.subarray(0, at), event.raw.subarray(at + USAGE_NULL.length)]);
  return replaceData(event, editObject(Buffer.from(event.data!), WITHOUT_USAGE));
}

/** The members by which all chunks of one answer are known, for a chunk that its provider left out. */
export function identityOf({ id, object = 'chat.completion.chunk', created, model }: ChatChunk) {
  return { id, object, created, model };
}

export function dataEvent(json: string | Buffer): Buffer {
  return Buffer.concat([Buffer.from('data: '), Buffer.from(json), Buffer.from('\n\n')]);
}
