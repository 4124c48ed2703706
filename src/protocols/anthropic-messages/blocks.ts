// The members of content blocks that every reader of answers needs.
import type { JsonObject } from '../codec.ts';
import { asObjects } from './loose-json.ts';

function bytesOf(value: unknown): number {
  return typeof value === 'string' ? Buffer.byteLength(value) : 0;
}

/** Bytes of generated text in a whole answer: what an estimate of output tokens counts. */
export function contentBytes(content: unknown): number {
  return asObjects(content).reduce((sum, block) => sum + blockBytes(block), 0);
}

function blockBytes({ type, text, thinking, name, input }: JsonObject): number {
  if (type !== 'tool_use') return bytesOf(text) + bytesOf(thinking);
  return bytesOf(name) + Buffer.byteLength(JSON.stringify(input ?? {}));
}

/** Bytes of generated text in one `content_block_delta`; signatures are not generated. */
export function deltaBytes({ text, thinking, partial_json: json }: JsonObject): number {
  return bytesOf(text) + bytesOf(thinking) + bytesOf(json);
}
