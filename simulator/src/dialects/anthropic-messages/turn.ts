// A conversation after reading: messages of one role in a row are one turn.
import type { Body } from './read-fields.ts';

export type Role = 'user' | 'assistant' | 'system';

export interface Block {
  type: string;
  body: Body;
  /** As error messages name it: `messages.2.content.0`. */
  path: string;
}

export interface Turn {
  role: Role;
  /** Of its first message. */
  path: string;
  blocks: Block[];
}

export function blocksOf(turn: Turn | undefined, type: string): readonly Block[] {
  return turn?.blocks.filter((block) => block.type === type) ?? [];
}

export function textsOf({ blocks }: Pick<Turn, 'blocks'>): string {
  return blocks.map(({ type, body }) => (type === 'text' ? String(body.text) : '')).join('');
}
