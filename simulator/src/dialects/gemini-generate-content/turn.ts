// A conversation after reading: contents of one role in a row are one turn.
import type { Body } from './read-fields.ts';

/** A part of the conversation, with camelCase members. */
export interface Part {
  body: Body;
  /** As error messages name it: `contents[2].parts[0]`. */
  path: string;
}

export interface Turn {
  role: 'user' | 'model';
  /** Of its first content, counted from 1 as the provider counts. */
  position: number;
  parts: Part[];
}

export function partsWith(turn: Turn | undefined, member: string): readonly Part[] {
  return turn?.parts.filter(({ body }) => member in body) ?? [];
}

/** What was said, without thoughts. */
export function textsOf(parts: readonly Part[]): string {
  return parts.map(({ body }) => (typeof body.text === 'string' && body.thought !== true ? body.text : '')).join('');
}
