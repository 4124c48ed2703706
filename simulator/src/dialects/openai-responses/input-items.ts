// What the simulator keeps of an input item.
import type { Body } from '../read-fields.ts';

export const ROLES = ['assistant', 'system', 'developer', 'user'] as const;
export type Role = (typeof ROLES)[number];

/** A part of a message's content, or of what a tool gave back. */
export interface ContentPart {
  type: string;
  /** Null for what is not text: images, files, sound. */
  text: string | null;
  body: Body;
}

export type InputItem =
  | { kind: 'message'; role: Role; parts: readonly ContentPart[] }
  | { kind: 'call'; callId: string; name: string; input: string }
  | { kind: 'output'; callId: string; parts: readonly ContentPart[] }
  | { kind: 'reasoning'; id: string | null; sealed: string | null }
  /** Of a hosted tool, or a compaction: nothing that the simulator answers to. */
  | { kind: 'other' };
