// What the simulator keeps of an input item.
import type { Body } from '../read-fields.ts';

export const ROLES = ['assistant', 'system', 'developer', 'user'] as const;
export type Role = (typeof ROLES)[number];

/** A part of a message's content, or of a tool's output. */
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
  /** An item of a hosted tool, or a compaction, which the simulator ignores. */
  | { kind: 'other' };
