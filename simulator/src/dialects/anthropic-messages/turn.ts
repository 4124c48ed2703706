// A conversation after reading: consecutive messages of the same role are one turn.
import type { Body } from './read-fields.ts';

export type Role = 'user' | 'assistant' | 'system';

export interface Block {
  type: string;
  body: Body;
  /** As in error messages: `messages.2.content.0`. */
  path: string;
}

export interface Turn {
  role: Role;
  /** Path of its first message. */
  path: string;
  blocks: Block[];
}

export function blocksOf(turn: Turn | undefined, type: string): readonly Block[] {
  return turn?.blocks.filter((block) => block.type === type) ?? [];
}

export function textsOf({ blocks }: Pick<Turn, 'blocks'>): string {
  return blocks.map(({ type, body }) => (type === 'text' ? String(body.text) : '')).join('');
}
