// Providers sign their models' reasoning and expect it back unchanged. A client of another protocol keeps such a signature in
// the field for signatures that its own protocol has. There it is wrapped with its origin, so that it is sent back to its own
// provider and to no other.
//
// The wrapped form is valid base64 (Gemini's field is `bytes`) and starts with a marker that can be searched for in bytes.
import type { ReasoningPart, Signature } from '#src/contracts/inference-request.ts';

/** Eight characters: a multiple of four, so that the base64 that follows stays aligned. */
const MARK = 'sLuIcE01';
const MARK_BYTES = Buffer.from(MARK);

const ORIGINS: readonly Signature['origin'][] = [
  'anthropic-messages',
  'gemini-generate-content',
  'openai-responses',
  'openai-chat',
];

export function wrapSignature({ origin, value }: Signature): string {
  return MARK + Buffer.from(`${ORIGINS.indexOf(origin)}${value}`).toString('base64');
}

/** The wrapped signature; null for a text that this broker did not wrap. */
export function unwrapSignature(text: string): Signature | null {
  if (!text.startsWith(MARK)) return null;
  const inner = Buffer.from(text.slice(MARK.length), 'base64').toString();
  const origin = ORIGINS[Number(inner[0])];
  return origin === undefined ? null : { origin, value: inner.slice(1) };
}

/** Whether a body may hold a wrapped signature. Cheap; may be true by chance, never wrongly false. */
export function mayHoldForeignSignature(body: Buffer): boolean {
  return body.includes(MARK_BYTES);
}

// Reasoning of models that are called by Chat Completions. It is not signed, but DeepSeek V4 and Kimi answer 400 to a tool call
// that comes back without the reasoning before it ("The reasoning_content in the thinking mode must be passed back", November
// 2026). So the broker attaches a signature of its own that names the origin: every client protocol has a field for signatures,
// and the reasoning is sent back with its call, only to the provider and model that it came from.

/** Who answered: the provider's name in the configuration, and its own name of the model. */
export interface AnswerSource {
  provider: string;
  model: string;
}

/** Members of a message that hold reasoning, in order: DeepSeek, Z.ai, Moonshot, vLLM; OpenRouter, Groq, Ollama; Copilot. */
export const THOUGHT_MEMBERS = ['reasoning_content', 'reasoning', 'reasoning_text'] as const;
export type ThoughtMember = (typeof THOUGHT_MEMBERS)[number];

export interface ChatThought extends AnswerSource {
  member: ThoughtMember;
  /**
   * OpenRouter's `reasoning_details`, complete and unchanged: they contain the signatures of the providers that OpenRouter
   * called.
   */
  details?: unknown[];
  /** Set if only the call carries the signature, for clients that do not keep reasoning. */
  text?: string;
}

const ORIGIN = 'openai-chat';

export function signThought(thought: ChatThought): Signature {
  return { origin: ORIGIN, value: JSON.stringify(thought) };
}

/** Null for signatures of another origin. */
export function readThought(signature: Signature | undefined): ChatThought | null {
  if (signature?.origin !== ORIGIN) return null;
  try {
    const thought = JSON.parse(signature.value) as ChatThought | null;
    return typeof thought === 'object' && thought !== null && THOUGHT_MEMBERS.includes(thought.member) ? thought : null;
  } catch {
    return null;
  }
}

export function isFrom({ provider, model }: AnswerSource, source: AnswerSource): boolean {
  return provider === source.provider && model === source.model;
}

/** A signature for a call that carries the reasoning before it; undefined for reasoning of other protocols. */
export function thoughtOnCall({ text, signature }: ReasoningPart): Signature | undefined {
  const thought = readThought(signature);
  return thought === null ? undefined : signThought({ ...thought, text });
}

/** The reasoning that the signature of a call carries. */
export function thoughtOfCall(signature: Signature | undefined): ReasoningPart | null {
  const thought = readThought(signature);
  if (typeof thought?.text !== 'string') return null;
  const { text, ...origin } = thought;
  return { kind: 'reasoning', text, signature: signThought(origin) };
}
