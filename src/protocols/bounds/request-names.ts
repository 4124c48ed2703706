// Bounds of the names in a request, checked before anything caches, compares or stores them: names become cache entries, log
// fields, metric labels and SQL values of the broker, even if a provider would refuse them.
import { createFailure, type Failure, isFailure } from '#src/contracts/failure.ts';
import type { ClientProtocol, RequestFacts, RequestTarget } from '../protocol.ts';

/** Longer than any known model name: Bedrock's ARNs have some 150 characters. */
export const MAX_MODEL_CHARS = 256;
/** Alternatives and preferences; a plan cannot hold more. */
const MAX_NAMES = 32;
const MAX_PROVIDER_CHARS = 63;

/** The facts of a parsed body after its names and ids were checked, or what is wrong with it. */
export function readNamedRequest(
  client: Pick<ClientProtocol, 'name' | 'readRequest'>,
  body: unknown,
  target: RequestTarget,
): RequestFacts | Failure {
  const fault = checkMembers(body) ?? checkBodyNames(client.name, body);
  if (fault !== null) return fault;
  const facts = client.readRequest(body, target);
  return isFailure(facts) ? facts : (checkNames(facts) ?? facts);
}

/** Providers know a few dozen members; merging and reporting hundreds of thousands would take seconds. */
const MAX_MEMBERS = 1_000;

function checkMembers(body: unknown): Failure | null {
  const extra = (body as { extra_body?: unknown } | null)?.extra_body;
  const param = hasManyMembers(body) ? 'body' : hasManyMembers(extra) ? 'extra_body' : null;
  return param === null ? null : refusal(param, `have at most ${MAX_MEMBERS} members`);
}

function hasManyMembers(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > MAX_MEMBERS;
}

/** The first name of a request that is out of bounds, in its client's terms. */
function checkNames({ model, alternativeModels, preferences, memory }: RequestFacts): Failure | null {
  return (
    faultIn('previous_response_id', idsOf(memory?.previousResponseId), MAX_ID_CHARS) ??
    faultIn('conversation', idsOf(memory?.conversationId), MAX_ID_CHARS) ??
    faultIn('model', [model], MAX_MODEL_CHARS) ??
    faultIn('models', alternativeModels, MAX_MODEL_CHARS) ??
    faultIn('provider.order', preferences.order ?? [], MAX_PROVIDER_CHARS) ??
    faultIn('provider.only', preferences.only ?? [], MAX_PROVIDER_CHARS) ??
    faultIn('provider.ignore', preferences.ignore ?? [], MAX_PROVIDER_CHARS)
  );
}

const MAX_ID_CHARS = 128;

function idsOf(id: string | null | undefined): string[] {
  return id === null || id === undefined ? [] : [id];
}

function faultIn(param: string, names: readonly string[], maxChars: number): Failure | null {
  if (names.length > MAX_NAMES) return refusal(param, `have at most ${MAX_NAMES} names`);
  for (const name of names) {
    const fault = faultOfName(name, maxChars);
    if (fault !== null) return refusal(param, fault);
  }
  return null;
}

function refusal(param: string, what: string): Failure {
  return createFailure('request_invalid', `Invalid value for '${param}': it must ${what}.`, { param });
}

// Where the bodies of each protocol hold names and ids (tools, calls, files, users, metadata), and how long they may be. Checked
// before anything else reads the body. Values that are not texts are left to the protocol.

/** For models, tools and ids: far above what any provider accepts, and still cheap. */
const MAX_NAME_CHARS = 256;
/** Call ids can carry data for their provider (a Gemini thought signature has kilobytes). */
const MAX_CALL_ID_CHARS = 64 * 1024;
/** Claude Code sends user, account and session in one id. */
const MAX_USER_CHARS = 4_096;
/** As OpenAI limits them (platform.openai.com/docs/api-reference, 2026-03). */
const METADATA = { pairs: 16, key: 64, value: 512 } as const;

interface Place {
  path: readonly string[];
  max: number;
}

const at = (max: number, ...paths: string[]): Place[] => paths.map((path) => ({ path: path.split('.'), max }));

/** `*` matches every item of a list. */
const OPENAI = [
  ...at(MAX_NAME_CHARS, 'model', 'models.*', 'service_tier'),
  ...at(MAX_USER_CHARS, 'user', 'safety_identifier', 'prompt_cache_key'),
];
const GEMINI_TOOLS = ['functionDeclarations', 'function_declarations'].map((list) => `tools.*.${list}.*.name`);
const GEMINI_CALLS = ['functionCall', 'functionResponse', 'function_call', 'function_response'];
const MESSAGES = [
  ...at(MAX_NAME_CHARS, 'model', 'models.*', 'service_tier', 'tools.*.name', 'tool_choice.name', 'container'),
  ...at(MAX_NAME_CHARS, 'messages.*.content.*.name'),
  ...at(MAX_CALL_ID_CHARS, 'messages.*.content.*.id', 'messages.*.content.*.tool_use_id'),
  ...at(MAX_USER_CHARS, 'metadata.user_id'),
];
const GEMINI = [
  ...at(MAX_NAME_CHARS, ...GEMINI_TOOLS, ...GEMINI_CALLS.map((call) => `contents.*.parts.*.${call}.name`)),
  ...at(MAX_CALL_ID_CHARS, ...GEMINI_CALLS.map((call) => `contents.*.parts.*.${call}.id`)),
  ...at(1_024, 'cachedContent', 'cached_content'),
];

const RESPONSES = [
  ...OPENAI,
  ...at(MAX_ID_CHARS, 'previous_response_id', 'conversation', 'conversation.id', 'prompt.id'),
  ...at(MAX_NAME_CHARS, 'tools.*.name'),
  ...at(MAX_NAME_CHARS, 'tools.*.tools.*.name', 'tool_choice.name', 'input.*.name', 'input.*.content.*.file_id'),
  ...at(MAX_NAME_CHARS, 'input.*.content.*.filename'),
  ...at(MAX_CALL_ID_CHARS, 'input.*.id', 'input.*.call_id'),
];

const PLACES: Readonly<Record<string, readonly Place[]>> = {
  'openai-chat': [
    ...OPENAI,
    ...at(
      MAX_NAME_CHARS,
      'tools.*.function.name',
      'tools.*.custom.name',
      'functions.*.name',
      'tool_choice.function.name',
    ),
    ...at(
      MAX_NAME_CHARS,
      'messages.*.name',
      'messages.*.tool_calls.*.function.name',
      'messages.*.content.*.file.file_id',
    ),
    ...at(MAX_NAME_CHARS, 'messages.*.content.*.file.filename'),
    ...at(MAX_CALL_ID_CHARS, 'messages.*.tool_call_id', 'messages.*.tool_calls.*.id'),
  ],
  'openai-completions': OPENAI,
  'openai-embeddings': OPENAI,
  'openai-responses': RESPONSES,
  'openai-responses-compact': RESPONSES,
  // Items with which a conversation is created, and items that are appended.
  conversations: [...at(MAX_NAME_CHARS, 'items.*.name'), ...at(MAX_CALL_ID_CHARS, 'items.*.id', 'items.*.call_id')],
  'anthropic-messages': MESSAGES,
  'anthropic-count-tokens': MESSAGES,
  'gemini-generate-content': GEMINI,
  'gemini-generate-content-array': GEMINI,
  'gemini-count-tokens': GEMINI,
};

/** Protocols whose `metadata` is stored with the answer, or sent to OpenAI. */
const HAS_METADATA = new Set(['openai-chat', 'openai-responses', 'openai-responses-compact', 'conversations']);

/** The first name or id that is not allowed; null if all are. */
export function checkBodyNames(protocol: string, body: unknown): Failure | null {
  if (typeof body !== 'object' || body === null) return null;
  for (const { path, max } of PLACES[protocol] ?? []) {
    // Most of the members are not there.
    if ((body as Record<string, unknown>)[path[0]!] === undefined) continue;
    const fault = checkPlace(body, path, 0, '', max);
    if (fault !== null) return fault;
  }
  return HAS_METADATA.has(protocol) ? checkMetadata((body as { metadata?: unknown } | null)?.metadata) : null;
}

function checkPlace(value: unknown, path: readonly string[], from: number, said: string, max: number): Failure | null {
  if (from === path.length) return typeof value === 'string' ? checkText(value, said, max) : null;
  if (typeof value !== 'object' || value === null) return null;
  const step = path[from]!;
  if (step !== '*') return checkPlace((value as Record<string, unknown>)[step], path, from + 1, join(said, step), max);
  // Google reads a single value as a list of one.
  if (!Array.isArray(value)) return checkPlace(value, path, from + 1, said, max);
  for (const [index, item] of value.entries()) {
    const fault = checkPlace(item, path, from + 1, join(said, String(index)), max);
    if (fault !== null) return fault;
  }
  return null;
}

const join = (path: string, step: string) => (path === '' ? step : `${path}.${step}`);

function checkText(text: string, param: string, max: number): Failure | null {
  const fault = faultOfName(text, max);
  return fault === null ? null : refusal(param, fault);
}

function checkMetadata(metadata: unknown): Failure | null {
  if (typeof metadata !== 'object' || metadata === null) return null;
  const pairs = Object.entries(metadata);
  if (pairs.length > METADATA.pairs) {
    return refusal('metadata', `have at most ${METADATA.pairs} pairs, and has ${pairs.length}`);
  }
  for (const [key, value] of pairs) {
    const fault = faultOfName(key, METADATA.key);
    if (fault !== null) return refusal('metadata', `only have keys that ${fault}`);
    if (typeof value !== 'string') continue;
    if (value.length > METADATA.value) return refusal(`metadata.${key}`, `have at most ${METADATA.value} characters`);
    if (value.includes('\u0000')) return refusal(`metadata.${key}`, 'not contain control characters');
  }
  return null;
}

// Characters that no name and no id of a client may have, in a body, an address, a header or a file.

/** Control characters, halves of surrogate pairs, line separators. */
const UNNAMEABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** What is wrong with a name or an id, as the rest of "… must …"; null for a good one. */
export function faultOfName(name: string, maxChars: number): string | null {
  if (name.length > maxChars) return `have at most ${maxChars} characters`;
  return UNNAMEABLE.test(name) ? 'not contain control characters' : null;
}
