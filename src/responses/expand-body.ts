// The body that a provider is sent, in one turn of a remembered conversation: everything before it is in its input, and
// nothing of the broker's memory is left in it.
import type { JsonObject } from '../protocols/codec.ts';
import { parseCarried } from '../protocols/exact-json.ts';
import { editObject, memberBytes } from '../protocols/json-object.ts';
import { itemsOf } from './input-items.ts';

const MEMORY_MEMBERS = ['previous_response_id', 'conversation', 'background'] as const;

export interface Expansion {
  /** Items of the turns before. */
  recalled: readonly JsonObject[];
  /** In place of the request's own items; null leaves them byte for byte as they are. */
  replaced: readonly JsonObject[] | null;
}

/** `store: false`: the broker keeps it, whoever answers. What `extra_body` says is merged over it later. */
export function expandBody(body: Buffer, { recalled, replaced }: Expansion): Buffer {
  const set = new Map<string, string | Buffer>([['store', 'false']]);
  if (recalled.length > 0 || replaced !== null) set.set('input', expandInput(body, recalled, replaced));
  return editObject(body, { set, remove: MEMORY_MEMBERS });
}

function expandInput(body: Buffer, recalled: readonly JsonObject[], replaced: Expansion['replaced']): Buffer {
  const own = replaced === null ? ownItems(body) : textOfItems(replaced);
  const parts = [textOfItems(recalled), own].filter((part) => part.length > 0);
  return Buffer.concat([
    Buffer.from('['),
    ...parts.flatMap((part, at) => (at > 0 ? [COMMA, part] : [part])),
    Buffer.from(']'),
  ]);
}

const COMMA = Buffer.from(',');

/** As they were sent, without the brackets around them. */
function ownItems(body: Buffer): Buffer {
  const input = memberBytes(body, 'input');
  if (input?.[0] === BRACKET_OPEN) return trimmed(input.subarray(1, -1));
  return textOfItems(itemsOf(input === null ? null : parseCarried(input.toString())));
}

const BRACKET_OPEN = 0x5b;

function trimmed(bytes: Buffer): Buffer {
  return bytes.toString('latin1').trim() === '' ? Buffer.alloc(0) : bytes;
}

function textOfItems(items: readonly JsonObject[]): Buffer {
  return Buffer.from(items.map((item) => JSON.stringify(item)).join(','));
}
