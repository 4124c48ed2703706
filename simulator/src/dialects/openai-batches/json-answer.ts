// A JSON answer with status 200.
import type { EncodedAnswer } from '../dialect.ts';

export function json(value: unknown): EncodedAnswer {
  return { status: 200, headers: ['content-type', 'application/json'], body: JSON.stringify(value, null, 2) };
}
