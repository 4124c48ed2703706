// The vendor's face of the Responses API, outgoing: the client's bytes with the fewest possible changes.
import { extraMembers } from '../effective-request.ts';
import { parseCarried } from '../exact-json.ts';
import { mayHoldForeignSignature } from '../foreign-signature.ts';
import { editObject, memberBytes } from '../json-object.ts';
import type { PassThroughInput } from '../protocol.ts';
import { isObject } from './loose-json.ts';
import { BROKER_MEMBERS } from './read-request.ts';
import { readEncryptedContent, UNSIGNED } from './signature-carrier.ts';

/**
 * The model becomes the vendor's own id, the broker's members are taken out and `extra_body` is merged in (over the
 * members of the same name). Nothing else changes, not even a space: usage is in the last event of every stream.
 */
export function buildResponsesBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  set.set('model', JSON.stringify(input.upstreamModel));
  const cleaned = mayHoldForeignSignature(input.body) ? withoutForeignReasoning(input.body) : null;
  if (cleaned !== null && !set.has('input')) set.set('input', cleaned);
  return editObject(input.body, { set, remove: BROKER_MEMBERS });
}

/**
 * `input` without the reasoning that another vendor signed: OpenAI answers 400 to an `encrypted_content` that is not
 * its own. The conversation was answered by several vendors, so its bytes were the broker's before and may be printed anew.
 */
function withoutForeignReasoning(body: Buffer): string | null {
  const bytes = memberBytes(body, 'input');
  const input: unknown = bytes === null ? null : parseCarried(bytes.toString());
  if (!Array.isArray(input)) return null;
  return JSON.stringify(input.filter((item) => !isForeignReasoning(item)));
}

function isForeignReasoning(item: unknown): boolean {
  if (!isObject(item) || item.type !== 'reasoning' || typeof item.encrypted_content !== 'string') return false;
  const { encrypted_content: encrypted } = item;
  return encrypted === UNSIGNED || readEncryptedContent(encrypted).signature.origin !== 'openai-responses';
}
