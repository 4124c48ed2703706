// Gemini's batch mode and the part of its Files API that it needs, the provider's side.

import type { Refusal } from '../../engine/refusal.ts';
import type { Batch, Dialect, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { geminiGenerateContentDialect } from '../gemini-generate-content/dialect.ts';
import { readTarget } from '../gemini-generate-content/target.ts';
import { json } from '../openai-batches/json-answer.ts';
import { routeFiles } from './files.ts';
import { describeOperation, PREFIX } from './operation.ts';
import { readBatchInput } from './read-input.ts';

export const geminiBatchesDialect: Dialect = {
  ...geminiGenerateContentDialect,
  name: 'gemini-batches',
  route: (head) => routeBatches(head) ?? routeFiles(head),
};

// Gemini's batch mode (Developer API). Wire facts: docs/reference/gemini-generate-content.md section 9.

const BATCH_PATH = /^\/v1(?:alpha|beta)\/(batches\/[^/:]+)(:cancel)?$/;
const LIST_PATH = /^\/v1(?:alpha|beta)\/batches$/;
const DEFAULT_PAGE = 50;

const create: LookupRoute = { kind: 'lookup', answer: createBatch };
const list: LookupRoute = { kind: 'lookup', answer: listBatches };
const show = withBatch((batch, { batches }) => json(describeOperation(batch, batches)));
const cancel = withBatch((batch) => {
  batch.cancel();
  return json({});
});
const remove = withBatch((batch, { batches }) => {
  batches.remove(batch.id);
  return json({});
});

export function routeBatches({ method, path }: RequestHead): LookupRoute | null {
  if (readTarget(path)?.method === 'batchGenerateContent') return method === 'POST' ? create : null;
  if (LIST_PATH.test(path)) return method === 'GET' ? list : null;
  const [, name, isCancel] = BATCH_PATH.exec(path) ?? [];
  if (name === undefined) return null;
  if (isCancel !== undefined) return method === 'POST' ? cancel : null;
  return method === 'GET' ? show : method === 'DELETE' ? remove : null;
}

function createBatch(context: LookupContext): EncodedAnswer | Refusal | null {
  const { batches } = context;
  const { displayName, lines, isFile } = readBatchInput(context);
  const facts = { displayName, isFile, model: readTarget(context.head.path)!.model };
  const accepted = batches.accept({ prefix: PREFIX, facts, lines, inputFaults: [] });
  if (accepted.kind === 'refused') return { kind: 'unavailable' };
  return accepted.isAnswerLost ? null : json(describeOperation(accepted.batch, batches));
}

function listBatches({ head, batches }: LookupContext): EncodedAnswer {
  const query = new URLSearchParams(head.query);
  const all = batches.list(PREFIX);
  const from = Number(query.get('pageToken') ?? 0);
  const size = Number(query.get('pageSize') ?? DEFAULT_PAGE);
  const page = all.slice(from, from + size);
  const next = from + size < all.length ? { nextPageToken: String(from + size) } : {};
  return json({ operations: page.map((batch) => describeOperation(batch, batches)), ...next });
}

function withBatch(use: (batch: Batch, context: LookupContext) => EncodedAnswer): LookupRoute {
  return {
    kind: 'lookup',
    answer(context) {
      const name = BATCH_PATH.exec(context.head.path)![1]!;
      const batch = context.batches.find(name);
      if (batch !== null) return use(batch, context);
      return { kind: 'invalid', message: 'Requested entity was not found.', param: null, code: null, status: 404 };
    },
  };
}
