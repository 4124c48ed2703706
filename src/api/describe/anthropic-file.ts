// A file as Anthropic's Files API shows it (npm @anthropic-ai/sdk 1.11.0, resources/files): the same files as OpenAI's
// clients see, in its shape and pages.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FileStore, StoredFile } from '../../batches/file-store.ts';
import { mediaTypeOf } from '../../batches/resolve-files.ts';

/** What only its clients send tells them from OpenAI's, who have the same address. */
export function isAnthropicCaller({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined;
}

export const anthropicUploadFields = z.object({
  expires_in_seconds: z.coerce.number().int().min(3_600).max(7_776_000).optional(),
});

const id = z.string().max(128);
const ids = z.union([id.transform((one) => [one]), z.array(id).max(100)]).optional();

/** Pages by `page` (SDK 1.x), by `after_id` and `before_id` (0.x), or files by their ids. */
export const anthropicListQuery = z.looseObject({
  limit: z.coerce.number().int().min(1).max(1_000).default(20),
  page: id.optional(),
  after_id: id.optional(),
  before_id: id.optional(),
  ids,
  'ids[]': ids,
});

export function anthropicFile(file: StoredFile) {
  return {
    type: 'file',
    id: file.id,
    filename: file.filename,
    mime_type: mediaTypeOf(file.filename),
    size_bytes: file.bytes,
    created_at: timeOf(file.createdAtMs),
    expires_at: file.expiresAtMs === null ? null : timeOf(file.expiresAtMs),
    // At Anthropic only what tools have made can be downloaded; here the owner of an upload can have it back.
    downloadable: true,
  };
}

function timeOf(unixMs: number): string {
  return new Date(unixMs).toISOString();
}

export async function listAnthropicFiles(
  files: FileStore,
  keyId: string,
  query: z.output<typeof anthropicListQuery>,
): Promise<object> {
  const named = query.ids ?? query['ids[]'];
  if (named !== undefined)
    return page(named.length === 0 ? [] : await files.findAll(keyId, [...new Set(named)]), false);
  const { limit, before_id: before } = query;
  const more = limit + 1;
  if (before !== undefined) {
    // Nearest first, so that the one too many is the farthest.
    const found = await files.list(keyId, { after: before, limit: more, order: 'asc' });
    return page(found.slice(0, limit).reverse(), found.length > limit);
  }
  const found = await files.list(keyId, { after: query.page ?? query.after_id, limit: more, order: 'desc' });
  return page(found.slice(0, limit), found.length > limit);
}

function page(files: readonly StoredFile[], hasMore: boolean): object {
  const lastId = files.at(-1)?.id ?? null;
  return {
    data: files.map(anthropicFile),
    has_more: hasMore,
    first_id: files[0]?.id ?? null,
    last_id: lastId,
    next_page: hasMore ? lastId : null,
  };
}
