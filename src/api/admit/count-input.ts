// Estimates the input tokens of a request of the Responses API, including earlier turns.
import { FailureError, isFailure } from '../../contracts/failure.ts';
import { readNamedRequest } from '../../protocols/bounds/request-names.ts';
import type { JsonObject } from '../../protocols/codec.ts';
import { openaiResponsesClient } from '../../protocols/openai-responses/protocol.ts';
import type { RequestFacts, RequestTarget } from '../../protocols/protocol.ts';
import { isObject } from '../../protocols/wire/loose-json.ts';
import { expandBody, itemsOf } from '../../responses/items.ts';
import type { ApiContext } from '../context.ts';
import { parseBounded } from './read-body.ts';
import { recallTurns, resolveReferences } from './recall.ts';
import { expectConversation } from './remember.ts';

export async function countInput(
  context: ApiContext,
  keyId: string,
  { bytes, value }: { bytes: Buffer; value: unknown },
  target: RequestTarget,
): Promise<object> {
  const { memory } = readFacts(value, target);
  const { conversationId } = memory!;
  if (conversationId !== null) await expectConversation(context, keyId, conversationId);
  const recalled = await recallTurns(context, keyId, memory!);
  const replaced = await resolveReferences(context, keyId, bytes, itemsOf((value as JsonObject).input));
  const expanded = expandBody(bytes, { recalled, replaced });
  const { estimatedInputTokens } = readFacts(parseBounded(expanded), target);
  return { object: 'response.input_tokens', input_tokens: estimatedInputTokens };
}

/** The model may be omitted here: the estimate is the same for all models. */
function readFacts(value: unknown, target: RequestTarget): RequestFacts {
  const facts = readNamedRequest(
    openaiResponsesClient,
    isObject(value) ? { ...value, model: value.model ?? 'any' } : value,
    target,
  );
  if (isFailure(facts)) throw new FailureError(facts);
  return facts;
}
