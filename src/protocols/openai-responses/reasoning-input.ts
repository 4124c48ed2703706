// A reasoning item that a client sends back: reasoning, or the carrier of a signature that belongs to the part before it.
import type { Part, ReasoningPart, Signature } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { objectsOf, present, textOf } from '../wire/loose-json.ts';
import { readEncryptedContent, UNSIGNED } from './signature-carrier.ts';

/** Between the parts of a summary, and of a reasoning text. */
export const REASONING_SEPARATOR = '\n\n';

/** Adds what the item says to the parts of its turn. */
export function decodeReasoningItem(parts: Part[], item: JsonObject): void {
  const encrypted = textOf(item.encrypted_content);
  const carried = encrypted === '' || encrypted === UNSIGNED ? null : readEncryptedContent(encrypted);
  if (carried?.place === 'part-before') return signLast(parts, carried.signature);
  if (carried?.place === 'empty-text') {
    parts.push({ kind: 'text', text: '', signature: carried.signature });
    return;
  }
  const part: ReasoningPart = {
    kind: 'reasoning',
    text: reasoningText(item),
    ...present({ id: textOf(item.id) || null, signature: carried?.signature }),
    ...(carried?.place === 'redacted' ? { isRedacted: true } : {}),
  };
  if (part.text !== '' || part.signature !== undefined) parts.push(part);
}

/** The text itself where the provider gives it (open models), else the summary. */
export function reasoningText(item: JsonObject): string {
  const content = objectsOf(item.content);
  return (content.length > 0 ? content : objectsOf(item.summary))
    .map((part) => textOf(part.text))
    .join(REASONING_SEPARATOR);
}

/** Nothing where the client has left that part out. */
function signLast(parts: Part[], signature: Signature): void {
  const last = parts.at(-1);
  const isSignable = last?.kind === 'text' || last?.kind === 'image' || last?.kind === 'tool-call';
  if (isSignable && last.signature === undefined) last.signature = signature;
}
