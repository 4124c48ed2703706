// Providers sign what their models think and want it back unchanged. A client of another protocol keeps such a signature
// where its own protocol has one. Here it is wrapped with its origin, so that it goes back to its provider and never to
// another.
//
// The wrapped form is valid base64 (Gemini's field is `bytes`) and starts with a marker that bytes can be searched for.
import type { ReasoningPart, Signature } from '#src/contracts/inference-request.ts';

/** Eight characters: whole base64 quanta, so that what follows is aligned. */
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

/** The signature inside, or null for what this broker did not wrap. */
export function unwrapSignature(text: string): Signature | null {
  if (!text.startsWith(MARK)) return null;
  const inner = Buffer.from(text.slice(MARK.length), 'base64').toString();
  const origin = ORIGINS[Number(inner[0])];
  return origin === undefined ? null : { origin, value: inner.slice(1) };
}

/** Whether a body may hold a wrapped signature. Cheap; false is always right. */
export function mayHoldForeignSignature(body: Buffer): boolean {
  return body.includes(MARK_BYTES);
}

// Reasoning of models behind Chat Completions. It is not signed, but DeepSeek V4 and Kimi answer 400 to a tool call that
// comes back without the reasoning it was made from ("The reasoning_content in the thinking mode must be passed back",
// November 2026). So the broker signs them itself, by where they came from: every client protocol has a place for a
// signature, and the thought goes back with its call to the provider and the model that it came from, and to no other.

/** Who answered: the provider as it is configured, and its own name of the model. */
export interface AnswerSource {
  provider: string;
  model: string;
}

/** Members of a message that providers have for it: DeepSeek, Z.ai, Moonshot, vLLM; OpenRouter, Groq, Ollama; Copilot. */
export const THOUGHT_MEMBERS = ['reasoning_content', 'reasoning', 'reasoning_text'] as const;
export type ThoughtMember = (typeof THOUGHT_MEMBERS)[number];

export interface ChatThought extends AnswerSource {
  member: ThoughtMember;
  /** OpenRouter's `reasoning_details`, whole and as they came: they hold the signatures of the providers behind it. */
  details?: unknown[];
  /** Set where only the call carries the signature, for clients that do not keep reasoning. */
  text?: string;
}

const ORIGIN = 'openai-chat';

export function signThought(thought: ChatThought): Signature {
  return { origin: ORIGIN, value: JSON.stringify(thought) };
}

/** Null for the signatures of others. */
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
