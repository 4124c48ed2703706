// A request as the engine knows it, whatever protocol it came in. Dialects decode into this and hand it over with a
// voice that can say the answer.

export interface Tool {
  name: string;
  /** JSON Schema of the arguments; null for a tool that takes free text. */
  parameters: unknown;
  takesText: boolean;
}

/** `allowed` limits what may be called; null allows every tool. */
export interface ToolChoice {
  mode: 'auto' | 'none' | 'required';
  allowed: readonly string[] | null;
}

export type AnswerFormat = { kind: 'text' } | { kind: 'json' } | { kind: 'schema'; schema: unknown };

export interface Call {
  model: string;
  isStream: boolean;
  /** By the broker's estimate rule, tools and images included. */
  promptTokens: number;
  /**
   * Every role and text of the conversation, without what it asks the model to continue. Decides the answer: dialects
   * must write the same conversation the same way (see `describeTurn`).
   */
  promptText: string;
  /** The last message that a person wrote: commands and rules look here. */
  lastUserText: string;
  /** The conversation ends with what tools gave back. */
  endsWithToolResult: boolean;
  /** Text of a closing assistant message, which the model is to continue; null when there is none. */
  prefill: string | null;
  /** Per choice; null where the request does not say. */
  maxOutputTokens: number | null;
  choices: number;
  stop: readonly string[];
  /** The request's own seed. */
  seed: number | null;
  tools: readonly Tool[];
  toolChoice: ToolChoice;
  isToolUseParallel: boolean;
  format: AnswerFormat;
  /** The caller wants to see the model's reasoning. */
  showsReasoning: boolean;
}

/** One turn of `promptText`. Developer instructions count as system's, so that every protocol gives the same text. */
export function describeTurn(role: string, text: string): string {
  return `${role === 'developer' ? 'system' : role}: ${text}\n`;
}
