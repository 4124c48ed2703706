// Input items: as they are remembered for models, and as clients are shown them.
import type { JsonObject } from '../protocols/codec.ts';
import { objectsOf, textOf } from '../protocols/openai-responses/loose-json.ts';
import { itemIdFor } from './response-ids.ts';

/** A text alone is what its user says. */
export function itemsOf(input: unknown): JsonObject[] {
  if (typeof input !== 'string') return objectsOf(input);
  return [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: input }] }];
}

/**
 * What of a remembered turn a model can be given again. Reasoning of which only the id is left is nothing to anyone but
 * the provider that keeps it, and none does (`store: false`): OpenAI answers 404 to it.
 */
export function isRepeatable(item: JsonObject): boolean {
  if (item.type !== 'reasoning') return true;
  return typeof item.encrypted_content === 'string' || objectsOf(item.content).length > 0;
}

/**
 * In full, as lists show it: messages with their type, status and parts.
 * @param unique names it where it has no id of its own.
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

/** Ids of the items that this input refers to in place of giving them. A reference may leave its type out. */
export function referredIds(items: readonly JsonObject[]): string[] {
  return items.filter(isReference).map(({ id }) => textOf(id));
}

export function isReference(item: JsonObject): boolean {
  if (item.type === 'item_reference') return true;
  return item.type == null && item.role === undefined && typeof item.id === 'string';
}
