// A message on its way to Anthropic.
import type { JsonObject } from '../codec.ts';

export interface Message {
  role: 'user' | 'assistant' | 'system';
  content: JsonObject[];
}

/** Messages of one role in a row become one, as Anthropic itself does. */
export function mergeRoles(messages: readonly Message[]): Message[] {
  const merged: Message[] = [];
  for (const { role, content } of messages) {
    const last = merged.at(-1);
    if (last?.role === role) last.content.push(...content);
    else merged.push({ role, content: [...content] });
  }
  return merged;
}
