// How a conversation opens: what stands before the model's first word. The same in each of its turns, whatever the protocol.
import type { JsonObject } from './codec.ts';
import { memberBytes } from './json-object.ts';

const CONVERSATIONS = ['messages', 'input', 'contents'];
/** Whose words are not the model's; Gemini's first content may have no role. */
const OTHERS = new Set<unknown>(['user', 'system', 'developer', undefined]);

/** JSON text; empty for a body that holds no conversation. The body must be a valid JSON object. */
export function openingOf(body: Buffer): string {
  const bytes = CONVERSATIONS.map((name) => memberBytes(body, name)).find((found) => found !== null);
  const conversation: unknown = bytes === undefined ? null : JSON.parse(bytes.toString());
  if (!Array.isArray(conversation)) return conversation === null ? '' : JSON.stringify(conversation);
  const first = conversation.findIndex(isModels);
  return JSON.stringify(first < 0 ? conversation : conversation.slice(0, first));
}

/** Items of the Responses API that are no messages have no role: calls, thoughts, traces of tools. */
function isModels(item: JsonObject | null): boolean {
  const isMessage = item?.type === undefined || item.type === 'message' || item.role !== undefined;
  return !isMessage || !OTHERS.has(item?.role);
}
