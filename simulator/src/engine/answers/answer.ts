// What the simulator says to one call, before any protocol has written it down.
import type { Usage } from '../../../../src/contracts/usage.ts';
import { BYTES_PER_TOKEN } from '../../../../src/protocols/providers/token-estimate.ts';

export type AnswerPart =
  /** Reasoning costs tokens and time also where the protocol does not show it. */
  | { kind: 'reasoning'; text: string; isShown: boolean }
  /** A refusal is text that says that there will be no answer; protocols without a place for it say it like any other. */
  | { kind: 'text'; text: string; isRefusal?: true }
  /** `input` is JSON, or free text for a tool that takes text. */
  | { kind: 'tool_call'; id: string; name: string; input: string; takesText: boolean; namespace?: string }
  /** `data` is base64. It comes whole, in one step, however many tokens it counts as. */
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
  /** Of the whole answer; what was really served can be less. */
  usage: Usage;
}

/** The bytes whose tokens are counted: of a tool call those of its name and its input, as the broker counts them. */
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
