// A conversation after reading: consecutive contents of the same role are one turn.
import type { Body } from './read-fields.ts';

/** A part of the conversation, with camelCase members. */
export interface Part {
  body: Body;
  /** As in error messages: `contents[2].parts[0]`. */
  path: string;
}

export interface Turn {
  role: 'user' | 'model';
  /** Position of its first content, counted from 1 as by the provider. */
  position: number;
  parts: Part[];
}

export function partsWith(turn: Turn | undefined, member: string): readonly Part[] {
  return turn?.parts.filter(({ body }) => member in body) ?? [];
}

/** The texts, without thoughts. */
export function textsOf(parts: readonly Part[]): string {
  return parts.map(({ body }) => (typeof body.text === 'string' && body.thought !== true ? body.text : '')).join('');
}
