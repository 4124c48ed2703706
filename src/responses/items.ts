// Items of responses and conversations: their ids, how they are stored for models, shown to clients in pages, and put into
// the body that a provider gets.

import { z } from 'zod';
import { createSortableId, isRequestId } from '../contracts/ids.ts';
import { idFor, type JsonObject } from '../protocols/codec.ts';
import { parseCarried } from '../protocols/wire/exact-json.ts';
import { editObject, memberBytes } from '../protocols/wire/json-object.ts';
import { objectsOf, textOf } from '../protocols/wire/loose-json.ts';

/** An input that is a text is one message of the user. */
export function itemsOf(input: unknown): JsonObject[] {
  if (typeof input !== 'string') return objectsOf(input);
  return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
}

/**
 * Whether an item of an earlier turn can be sent to a model again. Reasoning with nothing but an id cannot: providers do not
 * store it (`store: false`), and OpenAI answers 404.
 */
export function isRepeatable(item: JsonObject): boolean {
  if (item.type !== 'reasoning') return true;
  return typeof item.encrypted_content === 'string' || objectsOf(item.content).length > 0;
}

/**
 * In full, as in lists: messages with their type, status and parts.
 * @param unique makes an id if the item has none.
 */
export function describeItem(item: JsonObject, unique: string): JsonObject {
  const type = item.type ?? 'message';
  const id = textOf(item.id) || itemIdFor(type, unique);
  if (type !== 'message') return { ...item, id, type };
  const { role, content } = item;
  return { status: 'completed', ...item, id, type, role, content: describeContent(role, content) };
}

function describeContent(role: unknown, content: unknown): unknown {
  if (typeof content !== 'string') return content;
  return role === 'assistant'
    ? [{ type: 'output_text', text: content, annotations: [] }]
    : [{ type: 'input_text', text: content }];
}

/** Ids of the items that the input references. */
export function referredIds(items: readonly JsonObject[]): string[] {
  return items.filter(isReference).map(({ id }) => textOf(id));
}

/** A reference may omit its type. */
export function isReference(item: JsonObject): boolean {
  if (item.type === 'item_reference') return true;
  return item.type == null && item.role === undefined && typeof item.id === 'string';
}

const RESPONSE_PREFIX = 'resp_';

/** Derived from the request's id, so that every process can compute either from the other. */
export function responseIdOf(requestId: string): string {
  return idFor(RESPONSE_PREFIX, requestId);
}

/** Null if it is not a response id of this broker. */
export function requestIdOf(responseId: string): string | null {
  if (!responseId.startsWith(RESPONSE_PREFIX)) return null;
  const requestId = `req_${responseId.slice(RESPONSE_PREFIX.length)}`;
  return isRequestId(requestId) ? requestId : null;
}

export function createConversationId(): string {
  return `conv_${createSortableId()}`;
}

/** OpenAI's prefixes of item ids; other types get `item_`. */
const ITEM_PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg_',
  function_call: 'fc_',
  function_call_output: 'fco_',
  custom_tool_call: 'ctc_',
  custom_tool_call_output: 'ctco_',
  reasoning: 'rs_',
  image_generation_call: 'ig_',
};

/** @param unique a suffix that no other item has. */
export function itemIdFor(type: unknown, unique: string): string {
  return `${ITEM_PREFIXES[String(type ?? 'message')] ?? 'item_'}${unique}`;
}

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** Once, several times, or not at all. */
export const includeQuery = z.looseObject({
  include: z
    .union([z.string(), z.array(z.string())])
    .optional()
    .describe('Accepted without effect: all fields are always included.'),
});

export const pageQuery = includeQuery.extend({
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().min(1).optional(),
});

export type PageQuery = z.output<typeof pageQuery>;

export interface Page {
  items: JsonObject[];
  hasMore: boolean;
}

/** @param items in order. Null if there is no item `after`. */
export function pageOf(items: readonly JsonObject[], { limit, order, after }: PageQuery): Page | null {
  const ordered = order === 'asc' ? [...items] : items.toReversed();
  const at = after === undefined ? -1 : ordered.findIndex((item) => item.id === after);
  if (after !== undefined && at < 0) return null;
  const rest = ordered.slice(at + 1);
  return { items: rest.slice(0, limit), hasMore: rest.length > limit };
}

/** In OpenAI's list envelope. */
export function describePage({ items, hasMore }: Page) {
  return {
    object: 'list',
    data: items,
    first_id: items[0]?.id ?? null,
    last_id: items.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}

const MEMORY_MEMBERS = ['previous_response_id', 'conversation', 'background'] as const;

interface Expansion {
  /** Items of the turns before. */
  recalled: readonly JsonObject[];
  /** Replace the request's own items; null keeps those byte for byte. */
  replaced: readonly JsonObject[] | null;
}

/**
 * The provider's body for one turn of a stored conversation: earlier turns become part of its input, and references to
 * stored state are removed. `store: false`, because the broker stores it; `extra_body` is merged in later.
 */
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

/** Byte for byte, without the brackets. */
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
