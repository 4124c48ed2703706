// The request that a provider gets: the body with the members of `extra_body` merged over its own. Everything that reads a
// request reads this one, so that reservations, limits, prices and routes are those of the request that is sent.
//
// `extra_body` comes from SDKs: Python's merges its members into the body itself, others send the object as it is.
import type { JsonObject } from '../codec.ts';
import { isObjectBytes, memberBytes, memberEntries } from '../wire/json-object.ts';

/**
 * Routing, price and permission depend on the model, so `extra_body` cannot change it. The broker's own members are also
 * read from there, and never sent to a provider.
 */
const ROUTED_BY = 'model';
const NEVER_SENT = [ROUTED_BY, 'models', 'provider', 'extra_body'];

export interface Extras {
  body: JsonObject;
  /** Members that came from `extra_body`: unknown ones are passed to the provider. */
  extraKeys: ReadonlySet<string>;
}

/** An `extra_body` that is not an object is left to the protocol's own check. */
export function mergeExtras(body: JsonObject): Extras {
  const extra = body.extra_body;
  if (typeof extra !== 'object' || extra === null || Array.isArray(extra)) return { body, extraKeys: NO_KEYS };
  const { [ROUTED_BY]: _, extra_body: __, ...members } = extra as JsonObject;
  return { body: { ...body, ...members }, extraKeys: new Set(Object.keys(members)) };
}

const NO_KEYS: ReadonlySet<string> = new Set();

/** The same for any parsed body; other values stay as they are. */
export function effectiveRequest(body: unknown): unknown {
  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  return isObject ? mergeExtras(body as JsonObject).body : body;
}

/** Members of `extra_body` in their bytes, to be set over those of the body. */
export function extraMembers(body: Buffer): Map<string, string | Buffer> {
  const extra = memberBytes(body, 'extra_body');
  const members = new Map<string, string | Buffer>(isObjectBytes(extra) ? memberEntries(extra) : []);
  for (const name of NEVER_SENT) members.delete(name);
  return members;
}

/** Members that decide routing and delivery: never copied from `extra_body` into another protocol's request. */
const ENVELOPE = [...NEVER_SENT, 'stream', 'stream_options'];

export function withoutEnvelope(extra: JsonObject): JsonObject {
  return Object.fromEntries(Object.entries(extra).filter(([name]) => !ENVELOPE.includes(name)));
}

/** Members that limit an answer's length, and that set the number of answers, in all protocols that are passed through. */
const LENGTHS = [
  ...['max_tokens', 'max_completion_tokens', 'max_output_tokens', 'maxOutputTokens'],
  // Self-hosted model servers, in `extra_body`: text-generation-inference, llama.cpp, Ollama.
  ...['max_new_tokens', 'n_predict', 'num_predict'],
];
const ANSWERS = ['n', 'best_of', 'candidateCount', 'candidate_count'];
const CONTAINERS = ['generationConfig', 'generation_config', 'options', 'parameters'];

/**
 * Upper bound of a request's output, over all its answers; null if it sets none. Members of other protocols count too, because
 * they are sent on as they are; if several members set the bound, the largest counts, as the provider may use any of them.
 */
export function outputBound(body: JsonObject): number | null {
  const parts = [body];
  for (const name of CONTAINERS) {
    const part = body[name];
    if (isRecord(part)) parts.push(part);
  }
  const length = largestOf(parts, LENGTHS);
  return length === null ? null : length * Math.max(1, largestOf(parts, ANSWERS) ?? 1);
}

/** Paths of thinking budgets, and of efforts, in every protocol. */
const BUDGETS = [
  ['thinking', 'budget_tokens'],
  ['reasoning', 'max_tokens'],
  ['google', 'thinking_config', 'thinking_budget'],
  ['generationConfig', 'thinkingConfig', 'thinkingBudget'],
  ['generation_config', 'thinking_config', 'thinking_budget'],
];
const EFFORTS = [
  ['reasoning_effort'],
  ['reasoning', 'effort'],
  ['generationConfig', 'thinkingConfig', 'thinkingLevel'],
];
/** The smallest thinking budget of Anthropic models. */
const LEAST_BUDGET = 1_024;

/**
 * Tokens that thinking may add to the longest answer. Some providers count the thinking budget within `max_tokens`: a translated
 * request that limits its answer below that gets room for both (anthropic-messages/request/encode-thinking.ts).
 */
export function thinkingAllowance(body: JsonObject): number {
  const budget = Math.max(0, ...BUDGETS.map((path) => Number(valueAt(body, path)) || 0));
  const hasEffort = EFFORTS.some((path) => ![undefined, null, 'none'].includes(valueAt(body, path) as null));
  return budget > 0 || hasEffort ? Math.max(LEAST_BUDGET, budget) : 0;
}

function valueAt(body: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), body);
}

/** The largest number among these members; null if there is none. */
function largestOf(parts: readonly JsonObject[], names: readonly string[]): number | null {
  let largest: number | null = null;
  for (const part of parts) {
    for (const name of names) {
      const value = part[name];
      if (typeof value === 'number' && value >= (largest ?? 0)) largest = value;
    }
  }
  return largest;
}

function isRecord(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// The opening of a conversation: everything before the model's first turn. It is the same in each turn of the conversation.
const CONVERSATIONS = ['messages', 'input', 'contents'];
/** Roles other than the model's; Gemini's first content may have no role. */
const OTHERS = new Set<unknown>(['user', 'system', 'developer', undefined]);

/** JSON text; empty for a body that holds no conversation. The body must be a valid JSON object. */
export function openingOf(body: Buffer): string {
  const bytes = CONVERSATIONS.map((name) => memberBytes(body, name)).find((found) => found !== null);
  const conversation: unknown = bytes === undefined ? null : JSON.parse(bytes.toString());
  if (!Array.isArray(conversation)) return conversation === null ? '' : JSON.stringify(conversation);
  const first = conversation.findIndex(isModels);
  return JSON.stringify(first < 0 ? conversation : conversation.slice(0, first));
}

/** Whether an item is the model's: in the Responses API, calls, reasoning and traces of tools have no role. */
function isModels(item: JsonObject | null): boolean {
  const isMessage = item?.type === undefined || item.type === 'message' || item.role !== undefined;
  return !isMessage || !OTHERS.has(item?.role);
}
