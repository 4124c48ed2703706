// The conversation of a Responses request in the engine's words. A conversation that was told in another
// protocol reads the same here, so that it gets the same answer.
import { type Call, describeTurn } from '../../engine/call.ts';
import type { ContentPart, InputItem } from './input-items.ts';

type Conversation = Pick<Call, 'promptText' | 'lastUserText' | 'endsWithToolResult' | 'prefill'>;

interface Turn {
  role: string;
  text: string;
}

export function readConversation(items: readonly InputItem[], instructions: string | null): Conversation {
  const turns = gatherTurns(items);
  const last = items.at(-1);
  const hasPrefill = last?.kind === 'message' && last.role === 'assistant';
  const prompt = hasPrefill ? turns.slice(0, -1) : turns;
  const opening = instructions === null ? '' : describeTurn('system', instructions);
  return {
    promptText: opening + prompt.map(({ role, text }) => describeTurn(role, text)).join(''),
    lastUserText: turns.findLast(({ role }) => role === 'user')?.text ?? '',
    endsWithToolResult: last?.kind === 'output',
    prefill: hasPrefill ? turns.at(-1)!.text : null,
  };
}

/** Calls belong to the assistant's message before them: Chat has them in one message. */
function gatherTurns(items: readonly InputItem[]): Turn[] {
  const turns: Turn[] = [];
  for (const item of items) {
    if (item.kind === 'message') turns.push({ role: item.role, text: textOf(item.parts) });
    if (item.kind === 'output') turns.push({ role: 'tool', text: textOf(item.parts) });
    if (item.kind !== 'call') continue;
    if (turns.at(-1)?.role !== 'assistant') turns.push({ role: 'assistant', text: '' });
    // Without the id: it differs from provider to provider, and the answer must not.
    turns.at(-1)!.text += `[${item.name} ${item.input}]`;
  }
  return turns;
}

function textOf(parts: readonly ContentPart[]): string {
  return parts.map(({ type, text, body }) => text ?? `[${type} ${JSON.stringify(body).length}]`).join('');
}
