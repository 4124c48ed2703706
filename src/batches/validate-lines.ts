// Validates the whole input of a batch before any line runs. If a line is faulty, all faults are reported and nothing runs.
// Faults inside a body are not faults of the file: they become the line's result, like a provider's refusal.

import { randomInt } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { BatchFault } from '../contracts/batch.ts';
import { isLineFault, type LineFault, type LineReader, readLine } from './input-lines.ts';

interface ValidationRules {
  endpoint: string;
  maxLines: number;
  /** Why this model cannot be requested; null if it can. */
  checkModel: (model: string) => LineFault | null;
}

interface Validation {
  total: number;
  /** The model of all lines; null if there are several. */
  model: string | null;
  faults: BatchFault[];
}

/** More faults are most likely the same mistake in every line. */
const MAX_FAULTS = 100;
const LINES_AT_ONCE = 500;

export async function validateLines(reader: LineReader, rules: ValidationRules): Promise<Validation> {
  const seen = createIdSet();
  const models = new LRUCache<string, { fault: LineFault | null }>({ max: 1_000 });
  /** The model of all lines so far; null once there are two. */
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

/** A body without a model is refused when it runs, with its protocol's error. */
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

/**
 * Detects repeated ids among millions without keeping them: a hash of 64 bits each, in 16 to 32 bytes of memory. Among a
 * million ids, two different ones share a hash once in 30 million files.
 */
interface IdSet {
  /** False if it was added before. */
  add(id: string): boolean;
  readonly size: number;
}

const FIRST_CAPACITY = 1 << 12;

export function createIdSet(): IdSet {
  // A random seed, so that colliding ids cannot be prepared.
  const seed = randomInt(2 ** 32);
  let capacity = FIRST_CAPACITY;
  let slots = new Uint32Array(capacity * 2);
  let size = 0;

  function place(high: number, low: number): boolean {
    let slot = (low ^ high) & (capacity - 1);
    for (;;) {
      const at = slot * 2;
      if (slots[at] === 0 && slots[at + 1] === 0) {
        slots[at] = high;
        slots[at + 1] = low;
        return true;
      }
      if (slots[at] === high && slots[at + 1] === low) return false;
      slot = (slot + 1) & (capacity - 1);
    }
  }

  function grow(): void {
    const before = slots;
    capacity *= 2;
    slots = new Uint32Array(capacity * 2);
    for (let at = 0; at < before.length; at += 2) {
      if (before[at] !== 0 || before[at + 1] !== 0) place(before[at]!, before[at + 1]!);
    }
  }

  return {
    add(id) {
      if (size * 2 >= capacity) grow();
      const [high, low] = hash(id, seed);
      if (!place(high, low)) return false;
      size += 1;
      return true;
    },
    get size() {
      return size;
    },
  };
}

/** cyrb64 (bryc, public domain): two 32-bit halves; never both zero, which marks an empty slot. */
function hash(text: string, seed: number): [high: number, low: number] {
  let high = 0xdeadbeef ^ seed;
  let low = 0x41c6ce57 ^ seed;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    high = Math.imul(high ^ code, 2654435761);
    low = Math.imul(low ^ code, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return [(high | 1) >>> 0, low >>> 0];
}
