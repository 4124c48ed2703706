// A file in the shape of Anthropic's Files API (npm @anthropic-ai/sdk 1.11.0, resources/files), with its pagination. The files are
// the same that OpenAI clients see.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import type { FileStore, StoredFile } from '../../batches/file-store.ts';
import { mediaTypeOf } from '../../batches/resolve-files.ts';

/** Both APIs have the same path; headers that only Anthropic's clients send tell them apart. */
export function isAnthropicCaller({ headers }: Pick<FastifyRequest, 'headers'>): boolean {
  return headers['anthropic-version'] !== undefined || headers['x-api-key'] !== undefined;
}

export const anthropicUploadFields = z.object({
  expires_in_seconds: z.coerce.number().int().min(3_600).max(7_776_000).optional(),
});

const id = z.string().max(128);
const ids = z.union([id.transform((one) => [one]), z.array(id).max(100)]).optional();

/** Paginates by `page` (SDK 1.x) or by `after_id` and `before_id` (0.x); or selects files by id. */
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
    // At Anthropic only files made by tools can be downloaded; here uploads can be, too.
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
    // Nearest first, so that the surplus row is the farthest one.
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
