// The simulator's answer to one call, independent of any protocol.
import type { Usage } from '../../../../src/contracts/usage.ts';
import { BYTES_PER_TOKEN } from '../../../../src/protocols/providers/token-estimate.ts';

export type AnswerPart =
  /** Reasoning costs tokens and time even if the protocol does not show it. */
  | { kind: 'reasoning'; text: string; isShown: boolean }
  /** A refusal is text that declines to answer; protocols without a member for it send it as ordinary text. */
  | { kind: 'text'; text: string; isRefusal?: true }
  /** `input` is JSON, or free text for a tool that takes text. */
  | { kind: 'tool_call'; id: string; name: string; input: string; takesText: boolean; namespace?: string }
  /** `data` is base64. Sent whole, in one step, however many tokens it counts as. */
  | { kind: 'image'; mediaType: string; data: string; tokens: number };

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export interface AnswerChoice {
  parts: readonly AnswerPart[];
  finish: FinishReason;
  /** The stop sequence that ended it, which is not part of it. */
  stoppedBy?: string;
}

export interface Answer {
  choices: readonly AnswerChoice[];
  /** Usage of the whole answer; what is actually served may be less. */
  usage: Usage;
}

/** The bytes whose tokens are counted; for a tool call its name and input, as the broker counts them. */
export function billedBytes(part: AnswerPart): number {
  switch (part.kind) {
    case 'tool_call':
      return Buffer.byteLength(part.name) + Buffer.byteLength(part.input);
    case 'image':
      return part.tokens * BYTES_PER_TOKEN;
    default:
      return Buffer.byteLength(part.text);
  }
}
