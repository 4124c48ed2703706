// What must be true between input items: every call has its result and every result its call, reasoning comes with what
// followed it, and what is said to be encrypted by this provider is.
import { invalid, RefusalError } from '../../engine/refusal.ts';
import type { InputItem } from './input-items.ts';
import { openReasoning } from './sealed-reasoning.ts';

/** Throws a RefusalError. */
export function checkItems(items: readonly InputItem[], providerName: string): void {
  checkReasoning(items, providerName);
  checkCalls(items);
}

function checkReasoning(items: readonly InputItem[], providerName: string): void {
  for (const [index, item] of items.entries()) {
    if (item.kind !== 'reasoning') continue;
    if (item.sealed !== null && openReasoning(item.sealed, providerName) === null) throw notVerified(item.sealed);
    if (item.id !== null && !isOfTheModel(items[index + 1])) {
      const message = `Item '${item.id}' of type 'reasoning' was provided without its required following item.`;
      throw invalid(message, 'input');
    }
  }
}

function isOfTheModel(item: InputItem | undefined): boolean {
  if (item === undefined || item.kind === 'output') return false;
  return item.kind !== 'message' || item.role === 'assistant';
}

/** Wording of 2026-06; before, it ended after "verified". */
function notVerified(sealed: string): RefusalError {
  const shown = sealed.length <= 8 ? sealed : `${sealed.slice(0, 4)}...${sealed.slice(-4)}`;
  return new RefusalError({
    kind: 'invalid',
    message: `The encrypted content ${shown} could not be verified. Reason: Encrypted content could not be decrypted or parsed.`,
    param: null,
    code: 'invalid_encrypted_content',
  });
}

function checkCalls(items: readonly InputItem[]): void {
  const open = new Set<string>();
  const called = new Set<string>();
  for (const item of items) {
    if (item.kind === 'call') {
      open.add(item.callId);
      called.add(item.callId);
    } else if (item.kind === 'output') {
      if (!called.has(item.callId)) {
        throw invalid(`No tool call found for function call output with call_id ${item.callId}.`, 'input');
      }
      open.delete(item.callId);
    }
  }
  for (const callId of open) throw invalid(`No tool output found for function call ${callId}.`, 'input');
}
