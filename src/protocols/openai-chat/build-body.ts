// The provider's face of OpenAI Chat Completions, outgoing: the client's bytes with the fewest possible changes.

import { boundsOf } from '../bounds/provider-bounds.ts';
import { extraMembers } from '../call/effective-request.ts';
import type { PassThroughInput } from '../protocol.ts';
import { mayHoldForeignSignature } from '../translate/signatures.ts';
import { editObject, isObjectBytes, memberBytes } from '../wire/json-object.ts';
import { traitsOf } from './models.ts';
import { BROKER_MEMBERS } from './read-request.ts';
import { stripAnswerMembers } from './strip-answer-members.ts';
import { stripForeignSignatures } from './strip-signatures.ts';

const EMPTY_OBJECT = Buffer.from('{}');
const ASK_FOR_USAGE = { set: new Map([['include_usage', 'true']]) };

/**
 * The model becomes the provider's own id, usage reporting is asked for in streams, the broker's members are taken out and
 * `extra_body` is merged in (over the members of the same name). Nothing else changes, not even a space, unless the body
 * holds signatures that the broker wrapped for other providers, or
 * members of earlier answers that this provider refuses.
 */
export function buildChatBody(input: PassThroughInput): Buffer {
  const set = extraMembers(input.body);
  set.set('model', JSON.stringify(input.upstreamModel));
  if (input.isStream && input.canReportStreamUsage) {
    const options = asBuffer(set.get('stream_options')) ?? memberBytes(input.body, 'stream_options');
    set.set('stream_options', editObject(isObjectBytes(options) ? options : EMPTY_OBJECT, ASK_FOR_USAGE));
  }
  const body = editObject(input.body, { set, remove: BROKER_MEMBERS });
  const own = mayHoldForeignSignature(body)
    ? stripForeignSignatures(body, traitsOf(input.upstreamModel).isGemini)
    : body;
  const isStrict = input.isStrict === true || boundsOf('openai-chat', input.upstreamModel).isStrict;
  return isStrict ? stripAnswerMembers(own) : own;
}

function asBuffer(bytes: string | Buffer | undefined): Buffer | null {
  return bytes === undefined ? null : Buffer.from(bytes);
}
