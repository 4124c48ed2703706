// A request as the engine knows it, whatever protocol it came in. Dialects decode into this and hand it over with a
// voice that can say the answer.

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
  /** One of these words, and nothing else. */
  | { kind: 'enum'; values: readonly string[] };

/** What a request marks for the provider's prompt cache, as tokens from the beginning of the prompt. */
export interface PromptCache {
  /** Was there before. */
  readTokens: number;
  /** Is there afterwards. */
  markedTokens: number;
}

/** An image that the answer is to have: after its words, or alone. */
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
  /** What must fit into the context window, where that is not the whole prompt: the longest of several texts. */
  windowTokens?: number;
  /**
   * Every role and text of the conversation, without what it asks the model to continue. Decides the answer: dialects
   * must write the same conversation the same way (see `describeTurn`).
   */
  promptText: string;
  /** The last message that a person wrote: commands and rules look here. */
  lastUserText: string;
  /** The conversation ends with what tools gave back. */
  endsWithToolResult: boolean;
  /** Results of tools in the whole conversation: how far an agent's session has come. */
  toolResults: number;
  /** Text of a closing assistant message, which the model is to continue; null when there is none. */
  prefill: string | null;
  /** Per choice; null where the request does not say. */
  maxOutputTokens: number | null;
  /** None where the answer has no words: embeddings. */
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
  /** Tokens that the model thinks before it answers, where no command says otherwise; absent: it does not. */
  reasoningTokens?: number;
  cache?: PromptCache;
  image?: WantedImage;
  /**
   * False where the provider holds neither its limits nor its context window against `maxOutputTokens`: an answer that does
   * not fit the window ends early. Absent: true.
   */
  isOutputReserved?: boolean;
}

/** One turn of `promptText`. Developer instructions count as system's, so that every protocol gives the same text. */
export function describeTurn(role: string, text: string): string {
  return `${role === 'developer' ? 'system' : role}: ${text}\n`;
}
