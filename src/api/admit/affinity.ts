// Each deployment has its own prompt cache: the turns of a conversation draw the same random numbers, so that they are routed to
// the same deployment while it is in rotation. A conversation's name is used from the first turn on; a conversation without a
// name is identified by its first message as soon as it contains an answer. A first turn without a name draws freely: many
// conversations begin with the same words, and must be spread.
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RequestFacts } from '../../protocols/protocol.ts';

export interface AffinityInput {
  keyId: string;
  headers: IncomingHttpHeaders;
  /** The parsed body. */
  value: unknown;
  facts: Pick<RequestFacts, 'model' | 'memory'>;
  /** The first message of earlier turns, if the request only refers to them. */
  firstMessage?: unknown;
}

/** Random numbers that are the same for each turn of a conversation; undefined if it cannot be identified. */
export function lotsOf(input: AffinityInput): (() => number) | undefined {
  const name = nameOf(input);
  if (name === null) return undefined;
  // Conversations are not shared between keys, nor caches between models.
  return seededRandom(`${input.keyId}\n${input.facts.model}\n${name}`);
}

/** Sent by Codex and by Claude Code with every turn of a session. */
const SESSION_HEADERS = ['session_id', 'session-id', 'conversation_id', 'x-claude-code-session-id', 'x-grok-conv-id'];
const MAX_CHARS = 4_096;

export function sessionOf(headers: IncomingHttpHeaders): string | undefined {
  for (const name of SESSION_HEADERS) {
    const value = headers[name];
    if (typeof value === 'string' && value !== '') return value;
  }
  return undefined;
}

function nameOf({ headers, value, facts, firstMessage }: AffinityInput): string | null {
  const { prompt_cache_key: cacheKey, metadata } = (value ?? {}) as Record<string, unknown>;
  const user = (metadata as { user_id?: unknown } | null | undefined)?.user_id;
  const named =
    textOf(cacheKey) ??
    textOf(facts.memory?.conversationId) ??
    sessionOf(headers) ??
    // Claude Code (2.1.197) sends user, account and session in one value.
    (typeof user === 'string' && user.includes('session') ? user : undefined);
  if (named !== undefined) return `name ${named.slice(0, MAX_CHARS)}`;
  const first = firstMessage ?? firstOfHistory(value);
  return first === null ? null : `first ${beginningOf(first)}`;
}

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** The first characters of its JSON, without serialising megabytes of media: a string that is cut fills them by itself. */
function beginningOf(value: unknown): string {
  const cut = (_name: string, member: unknown) =>
    typeof member === 'string' && member.length > MAX_CHARS ? member.slice(0, MAX_CHARS) : member;
  return JSON.stringify(value, cut).slice(0, MAX_CHARS);
}

/** Shorter prefixes are not worth caching: providers cache from 1,024 tokens on. */
const PREFIX_CHARS = 4_096;
const HEAD_MEMBERS = ['tools', 'system', 'systemInstruction', 'system_instruction', 'instructions'];

/** Hash of the prompt's prefix, in the order in which providers cache it; null if it is too short to be cached. */
export function prefixHash(value: unknown): string | null {
  const body = (value ?? {}) as Record<string, unknown>;
  let text = '';
  for (const member of [...HEAD_MEMBERS, ...LISTS]) {
    if (body[member] !== undefined) text += `${member} ${JSON.stringify(body[member])}`;
    if (text.length >= PREFIX_CHARS)
      return createHash('sha256').update(text.slice(0, PREFIX_CHARS)).digest('base64url');
  }
  return null;
}

/** The same numbers for all requests with this prefix, of any key: the cache belongs to the provider account. */
export function lotsOfPrefix(model: string, hash: string): () => number {
  return seededRandom(`${model}\n${hash}`);
}

const LISTS = ['messages', 'input', 'contents'] as const;

/** The first user message; null if there is no answer yet. */
function firstOfHistory(value: unknown): unknown {
  const list = LISTS.map((name) => (value as Record<string, unknown> | null)?.[name]).find(Array.isArray);
  if (list === undefined) return null;
  const items = list as ({ role?: unknown } | null)[];
  if (!items.some((item) => item?.role === 'assistant' || item?.role === 'model')) return null;
  return items.find((item) => item?.role === 'user') ?? null;
}

const DRAWS_PER_HASH = 8;
const BITS = 2 ** 32;

/** Deterministic numbers from 0 to 1, derived from a text. */
function seededRandom(seed: string): () => number {
  let bytes = createHash('sha256').update(seed).digest();
  let drawn = 0;
  return () => {
    if (drawn === DRAWS_PER_HASH) {
      bytes = createHash('sha256').update(bytes).digest();
      drawn = 0;
    }
    return bytes.readUInt32BE(4 * drawn++) / BITS;
  };
}
