// The provider's face of the Responses API, outgoing: the client's bytes with the fewest possible changes.
import type { Cure } from '#src/contracts/failure.ts';
import { extraMembers } from '#src/protocols/call/effective-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { BROKER_MEMBERS } from '#src/protocols/openai/routing.ts';
import type { PassThroughInput } from '#src/protocols/protocol.ts';
import { mayHoldForeignSignature } from '#src/protocols/translate/signatures.ts';
import { parseCarried } from '#src/protocols/wire/exact-json.ts';
import { editObject, memberBytes } from '#src/protocols/wire/json-object.ts';
import { isObject } from '#src/protocols/wire/loose-json.ts';
import { readEncryptedContent, UNSIGNED } from '../reasoning.ts';

/**
 * The model becomes the provider's own id, the broker's members are taken out and `extra_body` is merged in (over the
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
 * `input` without the reasoning that another provider signed: OpenAI answers 400 to an `encrypted_content` that is not
 * its own. Several providers have answered this conversation, so its bytes are not the client's own and may be serialised again.
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

/** Hosted tools, groups and call items are sent as they came, unless a name was refused. */
export function keepToolsAsSent(sent: JsonObject, cures: ReadonlySet<Cure>): JsonObject {
  if (cures.has('fit')) return {};
  const { tools, tool_choice: choice, input } = sent;
  const isForgetting = cures.has('forget-thoughts') && Array.isArray(input);
  const kept = { tools, tool_choice: choice, input: isForgetting ? input.filter((item) => !isReasoning(item)) : input };
  return Object.fromEntries(Object.entries(kept).filter(([, value]) => value !== undefined));
}

function isReasoning(item: unknown): boolean {
  return isObject(item) && item.type === 'reasoning';
}
