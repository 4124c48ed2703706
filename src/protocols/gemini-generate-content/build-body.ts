// The provider's face of generateContent, outgoing: the client's bytes with the fewest possible changes.
import { extraMembers } from '../effective-request.ts';
import { parseCarried } from '../exact-json.ts';
import { mayHoldForeignSignature } from '../foreign-signature.ts';
import { editObject, memberBytes } from '../json-object.ts';
import type { PassThroughInput } from '../protocol.ts';
import { removeForeignSignatures } from './foreign-parts.ts';
import { BROKER_MEMBERS } from './read-request.ts';

/**
 * The broker's members are taken out and `extra_body` is merged in (over the members of the same name). The model is in
 * the path; one in the body would be the client's name for it.
 */
export function buildGeminiBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  if (mayHoldForeignSignature(input.body) && !set.has('contents')) {
    const contents = memberBytes(input.body, 'contents');
    if (contents !== null)
      set.set('contents', JSON.stringify(removeForeignSignatures(parseCarried(contents.toString()))));
  }
  return editObject(input.body, { set, remove: [...BROKER_MEMBERS, 'model'] });
}
