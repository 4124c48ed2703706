// What the simulator says to one call, before any protocol has written it down.
import type { Usage } from '../../../contracts/usage.ts';

export type AnswerPart =
  /** Reasoning costs tokens and time also where the protocol does not show it. */
  | { kind: 'reasoning'; text: string; isShown: boolean }
  | { kind: 'text'; text: string }
  /** `input` is JSON, or free text for a tool that takes text. */
  | { kind: 'tool_call'; id: string; name: string; input: string; takesText: boolean };

export type FinishReason = 'stop' | 'length' | 'tool_calls' | 'content_filter';

export interface AnswerChoice {
  parts: readonly AnswerPart[];
  finish: FinishReason;
}

export interface Answer {
  choices: readonly AnswerChoice[];
  /** Of the whole answer; what was really served can be less. */
  usage: Usage;
}

/** The text whose tokens are counted: of a tool call its name and its input, as the broker counts them. */
export function billedText(part: AnswerPart): string {
  return part.kind === 'tool_call' ? part.name + part.input : part.text;
}
