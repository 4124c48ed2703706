// The provider's face of Anthropic Messages, outgoing: the client's bytes with the fewest possible changes.
import { extraMembers } from '../effective-request.ts';
import { mayHoldForeignSignature } from '../foreign-signature.ts';
import { editObject, memberBytes } from '../json-object.ts';
import type { PassThroughInput } from '../protocol.ts';
import { removeForeignThoughts } from './foreign-thoughts.ts';
import { asObject, parseJson } from './loose-json.ts';
import { traitsOf } from './models.ts';
import { BROKER_MEMBERS } from './read-request.ts';

/**
 * The model becomes the provider's own id, the broker's members are taken out and `extra_body` is merged in (over the
 * members of the same name). Thoughts of other providers' models are taken out: Anthropic refuses what it has not signed.
 * Nothing else changes, not even a space.
 */
export function buildMessagesBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  set.set('model', JSON.stringify(input.upstreamModel));
  const body = mayHoldForeignSignature(input.body) ? withoutForeignThoughts(input) : input.body;
  return editObject(body, { set, remove: BROKER_MEMBERS });
}

function withoutForeignThoughts({ body, upstreamModel }: PassThroughInput): Buffer {
  const messages = memberBytes(body, 'messages');
  if (messages === null) return body;
  const { json, mustNotThinkByBudget } = removeForeignThoughts(messages.toString());
  const set = new Map([['messages', json]]);
  const thinking = asObject(parseJson(memberBytes(body, 'thinking')?.toString() ?? ''));
  if (!mustNotThinkByBudget || thinking?.type !== 'enabled') return editObject(body, { set, remove: [] });
  if (!traitsOf(upstreamModel).thinking.includes('adaptive')) return editObject(body, { set, remove: ['thinking'] });
  const { budget_tokens: _, ...rest } = thinking;
  set.set('thinking', JSON.stringify({ ...rest, type: 'adaptive' }));
  return editObject(body, { set, remove: [] });
}
