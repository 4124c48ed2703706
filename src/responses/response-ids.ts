// The id of a response follows from the request that it answers, so that every process finds the one from the other.
import { createSortableId, isRequestId } from '../contracts/ids.ts';
import { idFor } from '../protocols/codec.ts';

const RESPONSE_PREFIX = 'resp_';

export function responseIdOf(requestId: string): string {
  return idFor(RESPONSE_PREFIX, requestId);
}

/** Null for what is no response id of this broker. */
export function requestIdOf(responseId: string): string | null {
  if (!responseId.startsWith(RESPONSE_PREFIX)) return null;
  const requestId = `req_${responseId.slice(RESPONSE_PREFIX.length)}`;
  return isRequestId(requestId) ? requestId : null;
}

export function createConversationId(): string {
  return `conv_${createSortableId()}`;
}

/** As OpenAI begins the ids of items; a kind that is not here is a message's neighbour and gets `item_`. */
const ITEM_PREFIXES: Readonly<Record<string, string>> = {
  message: 'msg_',
  function_call: 'fc_',
  function_call_output: 'fco_',
  custom_tool_call: 'ctc_',
  custom_tool_call_output: 'ctco_',
  reasoning: 'rs_',
  image_generation_call: 'ig_',
};

/** @param unique digits that no other item has. */
export function itemIdFor(type: unknown, unique: string): string {
  return `${ITEM_PREFIXES[String(type ?? 'message')] ?? 'item_'}${unique}`;
}
