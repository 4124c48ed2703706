// Where each protocol's bodies have names and ids (tools, calls, files, users, metadata), and how long they may be: looked
// at before anything else reads the body. What is no text is left to the protocol.
import { createFailure, type Failure } from '../contracts/failure.ts';
import { faultOfName } from './name-fault.ts';

/** A model, a tool, an id: far above what any provider takes, far below what anything here would feel. */
const MAX_NAME = 256;
/** Of what the broker itself keeps. */
const MAX_ID = 128;
/** Ids of calls can carry what their provider wants back (a Gemini thought signature has kilobytes). */
const MAX_CALL_ID = 64 * 1024;
/** Claude Code says user, account and session in one. */
const MAX_USER = 4_096;
/** As OpenAI limits them (platform.openai.com/docs/api-reference, 2026-03). */
const METADATA = { pairs: 16, key: 64, value: 512 } as const;

interface Place {
  path: readonly string[];
  max: number;
}

const at = (max: number, ...paths: string[]): Place[] => paths.map((path) => ({ path: path.split('.'), max }));

/** `*` stands for the items of a list. */
const OPENAI = [
  ...at(MAX_NAME, 'model', 'models.*', 'service_tier'),
  ...at(MAX_USER, 'user', 'safety_identifier', 'prompt_cache_key'),
];
const GEMINI_TOOLS = ['functionDeclarations', 'function_declarations'].map((list) => `tools.*.${list}.*.name`);
const GEMINI_CALLS = ['functionCall', 'functionResponse', 'function_call', 'function_response'];
const MESSAGES = [
  ...at(MAX_NAME, 'model', 'models.*', 'service_tier', 'tools.*.name', 'tool_choice.name', 'container'),
  ...at(MAX_NAME, 'messages.*.content.*.name'),
  ...at(MAX_CALL_ID, 'messages.*.content.*.id', 'messages.*.content.*.tool_use_id'),
  ...at(MAX_USER, 'metadata.user_id'),
];
const GEMINI = [
  ...at(MAX_NAME, ...GEMINI_TOOLS, ...GEMINI_CALLS.map((call) => `contents.*.parts.*.${call}.name`)),
  ...at(MAX_CALL_ID, ...GEMINI_CALLS.map((call) => `contents.*.parts.*.${call}.id`)),
  ...at(1_024, 'cachedContent', 'cached_content'),
];

const PLACES: Readonly<Record<string, readonly Place[]>> = {
  'openai-chat': [
    ...OPENAI,
    ...at(MAX_NAME, 'tools.*.function.name', 'tools.*.custom.name', 'functions.*.name', 'tool_choice.function.name'),
    ...at(MAX_NAME, 'messages.*.name', 'messages.*.tool_calls.*.function.name', 'messages.*.content.*.file.file_id'),
    ...at(MAX_NAME, 'messages.*.content.*.file.filename'),
    ...at(MAX_CALL_ID, 'messages.*.tool_call_id', 'messages.*.tool_calls.*.id'),
  ],
  'openai-completions': OPENAI,
  'openai-embeddings': OPENAI,
  'openai-responses': [
    ...OPENAI,
    ...at(MAX_ID, 'previous_response_id', 'conversation', 'conversation.id', 'prompt.id'),
    ...at(MAX_NAME, 'tools.*.name'),
    ...at(MAX_NAME, 'tools.*.tools.*.name', 'tool_choice.name', 'input.*.name', 'input.*.content.*.file_id'),
    ...at(MAX_NAME, 'input.*.content.*.filename'),
    ...at(MAX_CALL_ID, 'input.*.id', 'input.*.call_id'),
  ],
  // What a conversation is made of, and appended.
  conversations: [...at(MAX_NAME, 'items.*.name'), ...at(MAX_CALL_ID, 'items.*.id', 'items.*.call_id')],
  'anthropic-messages': MESSAGES,
  'anthropic-count-tokens': MESSAGES,
  'gemini-generate-content': GEMINI,
  'gemini-generate-content-array': GEMINI,
  'gemini-count-tokens': GEMINI,
};

/** Whose `metadata` is kept with the answer, or sent on as OpenAI's. */
const HAS_METADATA = new Set(['openai-chat', 'openai-responses', 'conversations']);

/** The first name or id that may not be used; null where all may. */
export function checkBodyNames(protocol: string, body: unknown): Failure | null {
  for (const { path, max } of PLACES[protocol] ?? []) {
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
  if (!Array.isArray(value)) return null;
  for (const [index, item] of value.entries()) {
    const fault = checkPlace(item, path, from + 1, join(said, String(index)), max);
    if (fault !== null) return fault;
  }
  return null;
}

const join = (path: string, step: string) => (path === '' ? step : `${path}.${step}`);

function checkText(text: string, param: string, max: number): Failure | null {
  const fault = faultOfName(text, max);
  return fault === null ? null : invalid(param, fault);
}

function checkMetadata(metadata: unknown): Failure | null {
  if (typeof metadata !== 'object' || metadata === null) return null;
  const pairs = Object.entries(metadata);
  if (pairs.length > METADATA.pairs) {
    return invalid('metadata', `have at most ${METADATA.pairs} pairs, and has ${pairs.length}`);
  }
  for (const [key, value] of pairs) {
    const fault = faultOfName(key, METADATA.key);
    if (fault !== null) return invalid('metadata', `only have keys that ${fault}`);
    if (typeof value !== 'string') continue;
    if (value.length > METADATA.value) return invalid(`metadata.${key}`, `have at most ${METADATA.value} characters`);
    if (value.includes('\u0000')) return invalid(`metadata.${key}`, 'not contain control characters');
  }
  return null;
}

function invalid(param: string, what: string): Failure {
  return createFailure('request_invalid', `Invalid value for '${param}': it must ${what}.`, { param });
}
