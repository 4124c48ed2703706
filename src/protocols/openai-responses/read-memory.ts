// What a request says of responses that are kept: whether this one is, and what of the past belongs to it.
import { z } from 'zod';
import { createFailure, FailureError } from '../../contracts/failure.ts';
import type { JsonObject } from '../codec.ts';
import { parseMember } from '../openai/parse-member.ts';
import type { MemoryFacts } from '../protocol.ts';

const memory = z.looseObject({
  store: z.boolean().nullish(),
  background: z.boolean().nullish(),
  previous_response_id: z.string().nullish(),
  conversation: z
    .union([z.string(), z.looseObject({ id: z.string() })], { error: 'expected an id or an object with an id' })
    .nullish(),
});

/** Throws a FailureError. */
export function readMemory(request: JsonObject): MemoryFacts {
  const { store, background, previous_response_id: previous, conversation } = parseMember(memory, request);
  if (previous && conversation) throw exclusive();
  return {
    store: store ?? null,
    isBackground: background === true,
    previousResponseId: previous || null,
    conversationId: (typeof conversation === 'object' ? conversation?.id : conversation) || null,
  };
}

function exclusive(): FailureError {
  const message =
    "Mutually exclusive parameters: Ensure you are only providing one of: 'previous_response_id' or 'conversation'.";
  return new FailureError(createFailure('request_invalid', message, { param: 'previous_response_id' }));
}
