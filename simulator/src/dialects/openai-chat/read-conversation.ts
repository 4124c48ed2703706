// The conversation of a chat request in the engine's words.
import { type Call, describeTurn } from '../../engine/call.ts';
import type { Body } from '../read-fields.ts';

type Conversation = Pick<Call, 'promptText' | 'lastUserText' | 'endsWithToolResult' | 'prefill'>;

export function readConversation(messages: readonly Body[]): Conversation {
  const last = messages.at(-1)!;
  const hasPrefill = last.role === 'assistant' && !Array.isArray(last.tool_calls);
  const prompt = hasPrefill ? messages.slice(0, -1) : messages;
  const lastUser = messages.findLast((message) => message.role === 'user');
  return {
    promptText: prompt.map((message) => describeTurn(String(message.role), textOf(message))).join(''),
    lastUserText: lastUser === undefined ? '' : textOf(lastUser),
    endsWithToolResult: last.role === 'tool' || last.role === 'function',
    prefill: hasPrefill ? textOf(last) : null,
  };
}

function textOf(message: Body): string {
  const { content, tool_calls: calls } = message;
  const text = typeof content === 'string' ? content : Array.isArray(content) ? content.map(textOfPart).join('') : '';
  return Array.isArray(calls) ? text + calls.map(textOfCall).join('') : text;
}

/** Parts that are not text are told apart by their kind and size: their bytes may be many. */
function textOfPart(part: unknown): string {
  const { type, text, ...rest } = (part ?? {}) as Body;
  if (typeof text === 'string') return text;
  return `[${type} ${JSON.stringify(rest).length}]`;
}

/** Without the id: it differs from provider to provider, and the answer must not. */
function textOfCall(call: unknown): string {
  const { function: called, custom } = (call ?? {}) as Record<string, Body | undefined>;
  return `[${called?.name ?? custom?.name} ${called?.arguments ?? custom?.input}]`;
}
