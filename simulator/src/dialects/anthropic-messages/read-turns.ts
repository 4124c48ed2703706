// The messages of a request as turns: their shapes and roles, and which may come last.
import type { ModelTraits } from './model-traits.ts';
import { readBlock } from './read-block.ts';
import { at, type Body, readList, readOneOf, readStrictObject, refuse } from './read-fields.ts';
import { type Block, blocksOf, type Role, type Turn, textsOf } from './turn.ts';
import type { Version } from './versions.ts';

const MESSAGE_MEMBERS = new Set(['role', 'content']);

export function readTurns({ messages }: Body, traits: ModelTraits, version: Version): readonly Turn[] {
  const list = readList(messages, 'messages');
  if (list.length === 0) refuse('messages', 'at least one message is required');
  const turns: Turn[] = [];
  for (const [index, message] of list.entries()) {
    const turn = readMessage(message, `messages.${index}`, traits, version);
    const last = turns.at(-1);
    if (last?.role === turn.role) last.blocks.push(...turn.blocks);
    else turns.push(turn);
  }
  checkSystemTurns(turns);
  return turns;
}

function readMessage(value: unknown, path: string, traits: ModelTraits, version: Version): Turn {
  const message = readStrictObject(value, path, MESSAGE_MEMBERS);
  const role = readRole(message.role, path, traits);
  const { content } = message;
  if (content === '') refuse(path, `${role} messages must have non-empty content`);
  if (typeof content === 'string') {
    return {
      role,
      path,
      blocks: [{ type: 'text', body: { type: 'text', text: content }, path: at(path, 'content.0') }],
    };
  }
  const list = readList(content, at(path, 'content'));
  if (list.length === 0) refuse(path, `${role} messages must have non-empty content`);
  return { role, path, blocks: list.map((block, index) => readPart(block, `${path}.content.${index}`)) };

  function readPart(block: unknown, blockPath: string): Block {
    return readBlock(block, { path: blockPath, role, version });
  }
}

function readRole(role: unknown, path: string, { takesSystemTurns }: ModelTraits): Role {
  if (role === 'system' && !takesSystemTurns) {
    refuse(
      'messages',
      'Unexpected role "system". The Messages API accepts a top-level `system` parameter, not "system" as an input message role.',
    );
  }
  return readOneOf(role, at(path, 'role'), ['user', 'assistant', ...(role === 'system' ? (['system'] as const) : [])]);
}

/** System turns must follow a user turn and precede an assistant turn or the end. */
function checkSystemTurns(turns: readonly Turn[]): void {
  for (const [index, { role, path }] of turns.entries()) {
    if (role !== 'system') continue;
    const next = turns[index + 1]?.role ?? 'assistant';
    if (turns[index - 1]?.role !== 'user' || next !== 'assistant') {
      refuse(path, 'a `system` message must follow a `user` turn, and come before an `assistant` turn or at the end');
    }
  }
}

/** Text of a final assistant turn, which the model continues; null if there is none. */
export function readPrefill(turns: readonly Turn[], { takesPrefill }: ModelTraits): string | null {
  const last = turns.at(-1)!;
  if (last.role !== 'assistant' || blocksOf(last, 'tool_use').length > 0) return null;
  if (!takesPrefill) {
    refuse('', 'This model does not support assistant message prefill. The conversation must end with a user message.');
  }
  const text = textsOf(last);
  if (/\s$/.test(text)) refuse('messages', 'final assistant content cannot end with trailing whitespace');
  return text;
}
