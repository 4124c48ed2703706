// A request in the engine's form, independent of its protocol. Dialects decode requests into this form, together with a voice
// that writes the answer.

export interface Tool {
  name: string;
  /** JSON Schema of the arguments; null for a tool that takes free text. */
  parameters: unknown;
  takesText: boolean;
  /** The group that it was declared in. */
  namespace?: string;
}

/** `allowed` limits what may be called; null allows every tool. */
export interface ToolChoice {
  mode: 'auto' | 'none' | 'required';
  allowed: readonly string[] | null;
}

export type AnswerFormat =
  | { kind: 'text' }
  | { kind: 'json' }
  | { kind: 'schema'; schema: unknown }
  /** Exactly one of these values. */
  | { kind: 'enum'; values: readonly string[] };

/** What a request marks for the provider's prompt cache, as tokens from the beginning of the prompt. */
export interface PromptCache {
  /** Tokens that are read from the cache. */
  readTokens: number;
  /** Tokens that are in the cache afterwards. */
  markedTokens: number;
}

/** An image to include in the answer: after its text, or alone. */
export interface WantedImage {
  /** `data` is base64. */
  file: { mediaType: string; data: string; tokens: number };
  isAlone: boolean;
}

export interface Call {
  model: string;
  isStream: boolean;
  /** By the broker's estimate rule, tools and images included. */
  promptTokens: number;
  /** Tokens that must fit into the context window, if not the whole prompt: the longest of several texts. */
  windowTokens?: number;
  /**
   * Every role and text of the conversation, without a prefill. Determines the answer, so all dialects must write the same
   * conversation in the same way (`describeTurn`).
   */
  promptText: string;
  /** The last user message, which is searched by commands and rules. */
  lastUserText: string;
  /** Whether the conversation ends with tool results. */
  endsWithToolResult: boolean;
  /** Number of tool results in the whole conversation, which shows the progress of an agent's session. */
  toolResults: number;
  /** Text of a final assistant message, which the model continues; null if there is none. */
  prefill: string | null;
  /** Per choice; null if the request sets no limit. */
  maxOutputTokens: number | null;
  /** 0 for embeddings, whose answer has no text. */
  choices: number;
  stop: readonly string[];
  /** The request's own seed. */
  seed: number | null;
  tools: readonly Tool[];
  toolChoice: ToolChoice;
  isToolUseParallel: boolean;
  format: AnswerFormat;
  /** Whether the caller wants to see the model's reasoning. */
  showsReasoning: boolean;
  /** Reasoning tokens before the answer, unless a command sets them; absent: none. */
  reasoningTokens?: number;
  cache?: PromptCache;
  image?: WantedImage;
  /**
   * False if the provider checks `maxOutputTokens` neither against its limits nor against its context window: an answer that does
   * not fit the window ends early. Absent: true.
   */
  isOutputReserved?: boolean;
}

/** One turn of `promptText`. The roles developer and system are treated as one, so that every protocol gives the same text. */
export function describeTurn(role: string, text: string): string {
  return `${role === 'developer' ? 'system' : role}: ${text}\n`;
}
