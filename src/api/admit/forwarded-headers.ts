// Request headers that are meant for the provider: versions, betas, session ids. They are sent only to providers of the request's
// own protocol. Headers that select an account (OpenAI-Organization, x-goog-user-project) are not included: the configuration
// decides the account.
import type { IncomingHttpHeaders } from 'node:http';
import type { ClientProtocol } from '../../protocols/protocol.ts';

interface Owned {
  names: readonly string[];
  prefixes: readonly string[];
}

/**
 * By the first word of a protocol's name. Codex (0.171.0) sends `originator`, `session_id`, `conversation_id`,
 * `x-codex-*` and `x-openai-*`; Claude Code (2.1.197) its session; Grok finds a conversation's cache by its header.
 */
const OWNED: Readonly<Record<string, Owned>> = {
  openai: {
    names: ['openai-beta', 'originator', 'version', 'x-grok-conv-id'].concat(
      ['session', 'conversation', 'thread'].flatMap((what) => [`${what}_id`, `${what}-id`]),
    ),
    prefixes: ['x-codex-', 'x-openai-'],
  },
  anthropic: { names: ['x-claude-code-session-id', 'x-app'], prefixes: ['x-claude-'] },
  gemini: { names: ['x-goog-api-client'], prefixes: [] },
};

const MAX_HEADERS = 24;
const MAX_VALUE_CHARS = 4_096;
const MAX_CHARS = 12 * 1_024;

/** Bounded in number and length, since they are stored in the request's record. Headers beyond the bounds are dropped. */
export function forwardedHeaders(
  headers: IncomingHttpHeaders,
  { name, forwardedHeaders: own }: Pick<ClientProtocol, 'name' | 'forwardedHeaders'>,
): Record<string, string> {
  const owned = OWNED[name.split('-')[0]!] ?? { names: [], prefixes: [] };
  const isOwned = (header: string) =>
    owned.names.includes(header) || owned.prefixes.some((prefix) => header.startsWith(prefix));
  const picked: Record<string, string> = {};
  let chars = 0;
  let count = 0;
  const wanted = Object.keys(headers).filter((header) => isOwned(header) && !own.includes(header));
  for (const header of own.concat(wanted)) {
    const value = sentValue(header, headers[header]);
    if (value === null || value.length > MAX_VALUE_CHARS || count === MAX_HEADERS) continue;
    chars += header.length + value.length;
    if (chars > MAX_CHARS) break;
    picked[header] = value;
    count += 1;
  }
  return picked;
}

/** The WebSocket beta concerns only the client and Sluice: providers are called over HTTP. */
const OF_THE_SOCKET = /^responses_websockets\b/;

function sentValue(header: string, value: string | string[] | undefined): string | null {
  if (typeof value !== 'string' || value === '') return null;
  if (header !== 'openai-beta') return value;
  const betas = value.split(',').map((beta) => beta.trim());
  return betas.filter((beta) => beta !== '' && !OF_THE_SOCKET.test(beta)).join(', ') || null;
}
