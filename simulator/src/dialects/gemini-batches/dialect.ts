// Gemini's batch mode and as much of its Files API as it needs, the provider's side.
import type { Dialect } from '../dialect.ts';
import { geminiGenerateContentDialect } from '../gemini-generate-content/dialect.ts';
import { routeBatches } from './batches.ts';
import { routeFiles } from './files.ts';

export const geminiBatchesDialect: Dialect = {
  ...geminiGenerateContentDialect,
  name: 'gemini-batches',
  route: (head) => routeBatches(head) ?? routeFiles(head),
};
