// Prompt caches are the deployment's own: the turns of a conversation draw the same lots, so that they go to the same
// deployment while it is in rotation. What names a conversation is taken from the first turn on; one that names itself
// nowhere is known by its first message as soon as it has an answer in it. A first turn without a name draws freely: many
// conversations begin with the same words, and must spread.
import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { RequestFacts } from '../../protocols/protocol.ts';

export interface AffinityInput {
  keyId: string;
  headers: IncomingHttpHeaders;
  /** The parsed body. */
  value: unknown;
  facts: Pick<RequestFacts, 'model' | 'memory'>;
  /** The first message of the turns before, where the request only names them. */
  firstMessage?: unknown;
}

/** Lots that are the same for the same conversation; undefined where it cannot be told from others. */
export function lotsOf(input: AffinityInput): (() => number) | undefined {
  const name = nameOf(input);
  if (name === null) return undefined;
  // Keys share no conversation, and models no cache.
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
  const named = [
    cacheKey,
    facts.memory?.conversationId,
    ...SESSION_HEADERS.map((name) => headers[name]),
    // Claude Code (2.1.197) says user, account and session in one.
    typeof user === 'string' && user.includes('session') ? user : null,
  ].find((name) => typeof name === 'string' && name !== '');
  if (named !== undefined) return `name ${String(named).slice(0, MAX_CHARS)}`;
  const first = firstMessage ?? firstOfHistory(value);
  return first === null ? null : `first ${JSON.stringify(first).slice(0, MAX_CHARS)}`;
}

/** Shorter beginnings are not worth a cache: providers keep them from 1,024 tokens on. */
const PREFIX_CHARS = 4_096;
const HEAD_MEMBERS = ['tools', 'system', 'systemInstruction', 'system_instruction', 'instructions'];

/** Of the prompt's beginning, in the order in which providers cache it; null where it is too short to be cached. */
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

/** Lots of all requests that begin so, of any key: the cache is the account's. */
export function lotsOfPrefix(model: string, hash: string): () => number {
  return seededRandom(`${model}\n${hash}`);
}

const LISTS = ['messages', 'input', 'contents'] as const;

/** Null where nothing was answered yet. */
function firstOfHistory(value: unknown): unknown {
  const list = LISTS.map((name) => (value as Record<string, unknown> | null)?.[name]).find(Array.isArray);
  if (list === undefined) return null;
  const roles = (list as ({ role?: unknown } | null)[]).map((item) => item?.role);
  if (!roles.some((role) => role === 'assistant' || role === 'model')) return null;
  return list[roles.indexOf('user')] ?? null;
}

const DRAWS_PER_HASH = 8;
const BITS = 2 ** 32;

/** Numbers from 0 to 1 that follow from a text. */
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
