// Lists in OpenAI's envelope: a page of items and whether there are more.
import { z } from 'zod';
import type { JsonObject } from '../protocols/codec.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** `include` is taken and changes nothing: an item is always shown with all that is known of it. */
export const pageQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  order: z.enum(['asc', 'desc']).default('desc'),
  after: z.string().min(1).optional(),
});

export type PageQuery = z.output<typeof pageQuery>;

export interface Page {
  items: JsonObject[];
  hasMore: boolean;
}

/** Of items in their order; null where there is none called `after`. */
export function pageOf(items: readonly JsonObject[], { limit, order, after }: PageQuery): Page | null {
  const ordered = order === 'asc' ? [...items] : items.toReversed();
  const at = after === undefined ? -1 : ordered.findIndex((item) => item.id === after);
  if (after !== undefined && at < 0) return null;
  const rest = ordered.slice(at + 1);
  return { items: rest.slice(0, limit), hasMore: rest.length > limit };
}

export function describePage({ items, hasMore }: Page) {
  return {
    object: 'list',
    data: items,
    first_id: items[0]?.id ?? null,
    last_id: items.at(-1)?.id ?? null,
    has_more: hasMore,
  };
}
