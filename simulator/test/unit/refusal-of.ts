// What a reader refuses, as data.
import { type Refusal, RefusalError } from '../../src/engine/refusal.ts';

/** Null where nothing is refused; other errors are thrown on. */
export function refusalOf(read: () => unknown): Refusal | null {
  try {
    read();
  } catch (error) {
    if (error instanceof RefusalError) return error.refusal;
    throw error;
  }
  return null;
}

/** The message of the refusal of an invalid request. */
export function complaintOf(read: () => unknown): string | null {
  const refusal = refusalOf(read);
  return refusal?.kind === 'invalid' ? refusal.message : null;
}
