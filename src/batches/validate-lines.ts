// Reads a batch's input once from beginning to end before anything of it runs: what is wrong is told line by line, and
// then nothing of it runs. Faults inside a body are no faults of the file: they are answered line by line, as the
// provider's own are.
import { LRUCache } from 'lru-cache';
import type { BatchFault } from '../contracts/batch.ts';
import { createIdSet } from './id-set.ts';
import type { LineReader } from './line-reader.ts';
import { isLineFault, type LineFault, readLine } from './read-line.ts';

export interface ValidationRules {
  endpoint: string;
  maxLines: number;
  /** What is wrong with asking for this model; null when nothing is. */
  checkModel: (model: string) => LineFault | null;
}

export interface Validation {
  total: number;
  /** The model of all lines; null when there are several. */
  model: string | null;
  faults: BatchFault[];
}

/** Whoever has so many has made the same mistake in every line. */
const MAX_FAULTS = 100;
const LINES_AT_ONCE = 500;

export async function validateLines(reader: LineReader, rules: ValidationRules): Promise<Validation> {
  const seen = createIdSet();
  const models = new LRUCache<string, { fault: LineFault | null }>({ max: 1_000 });
  /** The one of all lines so far; null once there are two. */
  let only: string | null | undefined;
  const faults: BatchFault[] = [];
  let total = 0;
  const checkModel = (model: string) => {
    only = only === undefined || only === model ? model : null;
    let known = models.get(model);
    if (known === undefined) {
      known = { fault: rules.checkModel(model) };
      models.set(model, known);
    }
    return known.fault;
  };

  for (;;) {
    const lines = await reader.next(LINES_AT_ONCE);
    for (const line of lines) {
      total += 1;
      const parsed = readLine(line, rules.endpoint);
      const found = isLineFault(parsed)
        ? parsed
        : (repeated(seen.add(parsed.customId), parsed.customId) ?? modelFault(parsed.value.model, checkModel));
      if (found !== null) faults.push({ ...found, line: line.number });
      if (faults.length >= MAX_FAULTS) return { total, model: null, faults };
    }
    if (total > rules.maxLines) return { total, model: null, faults: [tooMany(rules.maxLines)] };
    if (lines.length === 0) break;
  }
  if (total === 0) faults.push(emptyFile());
  return { total, model: only ?? null, faults };
}

/** A body without a model is refused when it runs, with the words of its protocol. */
function modelFault(model: unknown, check: (model: string) => LineFault | null): LineFault | null {
  return typeof model === 'string' ? check(model) : null;
}

function repeated(isNew: boolean, customId: string): LineFault | null {
  if (isNew) return null;
  const message = `The custom_id '${customId}' for this request is a duplicate of another request's.`;
  return { code: 'duplicate_custom_id', message, param: 'custom_id' };
}

function emptyFile(): BatchFault {
  return { code: 'empty_file', message: 'The input file has no requests.', param: null, line: null };
}

function tooMany(maxLines: number): BatchFault {
  const message = `The input file has more than the ${maxLines} requests that a batch may have.`;
  return { code: 'too_many_tasks', message, param: null, line: null };
}
