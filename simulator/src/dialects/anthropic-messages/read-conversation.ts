// The conversation of a Messages request in the engine's words, written as read-conversation.ts of chat writes it: tool
// results are turns of their own, thoughts are not part of it.
import { type Call, describeTurn } from '../../engine/call.ts';
import type { Body } from './read-fields.ts';
import { type Block, type Turn, textsOf } from './turn.ts';

type Conversation = Pick<Call, 'promptText' | 'lastUserText'>;

/** `turns` without the one that the model is to continue. */
export function readConversation(system: readonly Block[], turns: readonly Turn[]): Conversation {
  const instructions = system.length === 0 ? '' : describeTurn('system', textsOf({ blocks: [...system] }));
  const lastSpoken = turns.findLast((turn) => turn.role === 'user' && textsOf(turn) !== '');
  return {
    promptText: instructions + turns.map(describe).join(''),
    lastUserText: lastSpoken === undefined ? '' : textsOf(lastSpoken),
  };
}

/** Nobody has spoken since the tools answered. */
export function endsWithToolResult(turns: readonly Turn[]): boolean {
  const last = turns.findLast(({ role }) => role === 'user');
  return last === turns.at(-1) && last?.blocks.every(({ type }) => type === 'tool_result') === true;
}

function describe({ role, blocks }: Turn): string {
  const results = blocks.filter(({ type }) => type === 'tool_result');
  const others = blocks.filter(({ type }) => type !== 'tool_result');
  const answered = results.map(({ body }) => describeTurn('tool', textOfContent(body.content))).join('');
  return others.length === 0 ? answered : answered + describeTurn(role, others.map(describeBlock).join(''));
}

/** Without the ids of calls: they differ from provider to provider, and the answer must not. */
function describeBlock({ type, body }: Block): string {
  switch (type) {
    case 'text':
      return String(body.text);
    case 'thinking':
      return '';
    case 'tool_use':
      return `[${body.name} ${JSON.stringify(body.input)}]`;
    default:
      return `[${type} ${JSON.stringify(body).length}]`;
  }
}

function textOfContent(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === 'string' ? content : '';
  return content
    .map((part: Body) => (part.type === 'text' ? String(part.text) : `[${part.type} ${JSON.stringify(part).length}]`))
    .join('');
}
