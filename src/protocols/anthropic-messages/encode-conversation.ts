// Turns as Anthropic wants them: the system's words apart, roles that alternate, tool results right behind their calls.
import type { Turn } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { encodePart } from './encode-blocks.ts';
import type { Encoding } from './encoding.ts';
import { asText } from './loose-json.ts';
import { type Message, mergeRoles } from './message.ts';
import type { ModelTraits } from './models.ts';
import { moveDrawings } from './move-drawings.ts';
import { pairToolCalls } from './pair-tool-calls.ts';

export interface Conversation {
  system: JsonObject[];
  messages: Message[];
}

export function encodeConversation(turns: readonly Turn[], traits: ModelTraits, encoding: Encoding): Conversation {
  const encoded = mergeRoles(
    moveDrawings(turns)
      .map((turn) => encodeTurn(turn, encoding))
      .filter(({ content }) => content.length > 0),
  );
  const conversation = hoistSystem(encoded, traits);
  if (conversation.messages.length === 0) return askSystem(conversation, encoding);
  const messages = pairToolCalls(mergeRoles(conversation.messages), encoding);
  checkLast(messages, traits, encoding);
  return { system: conversation.system, messages };
}

function encodeTurn({ role, parts }: Turn, encoding: Encoding): Message {
  const isSystem = role === 'system' || role === 'developer';
  const content = parts.flatMap((part) => encodePart(part, role, encoding));
  if (isSystem && content.some(({ type }) => type !== 'text')) {
    encoding.refuse('messages', 'takes nothing but text from the system');
  }
  return { role: isSystem ? 'system' : role, content };
}

/**
 * The system's words go to the front, as Anthropic's own OpenAI endpoint does it, but for those that newer models take
 * where they stand: after a user turn, and before an assistant turn or at the end.
 */
function hoistSystem(messages: readonly Message[], { takesSystemTurns }: ModelTraits): Conversation {
  const system: JsonObject[] = [];
  const kept = messages.filter((message, index) => {
    if (message.role !== 'system') return true;
    const next = messages[index + 1]?.role ?? 'assistant';
    if (takesSystemTurns && messages[index - 1]?.role === 'user' && next === 'assistant') return true;
    system.push(...message.content);
    return false;
  });
  return { system, messages: kept };
}

/** OpenAI's models answer a lone system message; Anthropic needs somebody to answer. */
function askSystem({ system }: Conversation, encoding: Encoding): Conversation {
  if (system.length === 0) encoding.refuse('messages', 'needs a message that is not empty');
  return { system: [], messages: [{ role: 'user', content: system }] };
}

/** Newer models refuse to continue an assistant's turn, older ones to continue it behind white space, which is cut. */
function checkLast(messages: readonly Message[], { takesPrefill }: ModelTraits, encoding: Encoding): void {
  const last = messages.at(-1);
  if (last?.role !== 'assistant') return;
  if (!takesPrefill) {
    encoding.refuse(
      'messages',
      'has a model that cannot continue an assistant message: the last one must be the user’s',
    );
  }
  const block = last.content.at(-1);
  if (block?.type === 'text') block.text = asText(block.text).trimEnd();
}
