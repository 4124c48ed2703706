// Errors recognised by their message where the status is misleading: most providers answer 400 to anything. Used by every
// protocol, since each has compatible providers. Messages seen in 2025 and 2026; the provider is named.
import type { FailureDetails } from '#src/contracts/failure.ts';
import { type FailureCode, ruleOf } from '#src/contracts/failure-table.ts';
import { quotaIds } from './waits.ts';

/** xAI: 400 "Incorrect API key provided" (also percent-encoded); Google, on every endpoint: 400 "API key not valid". */
const BAD_KEY =
  /(incorrect|invalid)[ _]api[ _]key|api[ _]key[ _]((is|was|has)[ _])?(not[ _](valid|found)|invalid|incorrect|expired|revoked|disabled)|pass a valid api key/i;
/** OpenAI, Groq (`model_decommissioned`), Mistral and Perplexity (`invalid_model`), Together (`model_not_available`). */
const NO_MODEL_CODE =
  /^((model_(not_found|not_available|not_exist|decommissioned|terminated))|(invalid|unknown)_model(_id)?)$/i;
/**
 * DeepSeek "Model Not Exist", OpenRouter "x is not a valid model ID", LiteLLM "Invalid model name", Bedrock "model identifier".
 */
const NO_MODEL =
  /\bmodel\b[^.;:]{0,120}?\b((do(es)?|did) not exist|not exist\b|(was|is|were) not found|not found\b|has been (decommissioned|deprecated|retired|shut ?down))|is not a valid model\b|^(invalid|unknown|no such) model(\s*[:.'"`]|\s+id\b|$)|\binvalid model name\b|model identifier is invalid/i;
/**
 * xAI 403 "used all available credits or reached its monthly spending limit", DeepSeek, Anthropic, DashScope `Arrearage`,
 * Moonshot.
 */
const SPENT_CODE =
  /^(insufficient_(quota|balance|credits)|credit_balance_exhausted|(organization|project)_(spend|usage)_limit_exceeded|billing_(hard_limit_reached|not_active)|exceeded_current_quota(_error)?|arrearage|accountoverdue(error)?|enforced_spend_limit_reached)$/i;
const SPENT =
  /insufficient (account )?(balance|credits)|(credit )?balance is (too low|insufficient)|used all available credits|(does ?n[o'’]t|do not) have any credits|(spend(ing)?|usage) (limits?|cap)\b.{0,80}(reached|exceeded)|(reached|exceeded) (its|your) .{0,40}(spend(ing)?|usage) limit|credits? (are|is) depleted|spend(ing)? cap/i;
/**
 * DeepSeek "Content Exists Risk", DashScope `data_inspection_failed`, xAI 403 "violates usage guidelines", OpenAI
 * `invalid_prompt`.
 */
const FILTERED =
  /content exists risk|data[ _]?inspection[ _]?failed|violat\w{1,8} .{0,40}usage (guidelines|polic)|content management policy|responsible ?ai/i;

/**
 * How much of an error's message is read: what identifies it is at the beginning, and a provider may quote the whole
 * prompt after it. Patterns over messages are bounded too, so that matching takes linear time.
 */
const MAX_READ_CHARS = 4_000;
/** Of codes, types and names of parameters, which are quoted to clients and kept. */
const MAX_NAME_CHARS = 200;

export function cutMessage(message: string): string {
  return message.slice(0, MAX_READ_CHARS);
}

/** The same for every member of an error as its protocol reads it. */
export function cutWords<T extends Record<string, string>>(error: T): T {
  const cut = Object.entries(error).map(([name, text]) => [
    name,
    name === 'message' ? cutMessage(text) : text.slice(0, MAX_NAME_CHARS),
  ]);
  return Object.fromEntries(cut) as T;
}

export interface ProviderWords {
  code: string;
  type: string;
  message: string;
}

/** Statuses whose messages are searched; the others are reliable. 200: an error inside a stream. */
const DISGUISES = new Set([200, 400, 401, 403, 404, 422, 429]);

/** The failure that an error's message or code names, regardless of its status; null if it names none. */
export function knownByWords(status: number, { code, type, message: said }: ProviderWords): FailureCode | null {
  if (!DISGUISES.has(status)) return null;
  const message = decoded(said);
  const names = [code, type];
  if (names.some((name) => SPENT_CODE.test(name)) || SPENT.test(message)) return 'upstream_quota_exhausted';
  if (status === 429) return null;
  if (names.some((name) => BAD_KEY.test(name)) || BAD_KEY.test(message)) return 'upstream_credential_refused';
  if (names.some((name) => NO_MODEL_CODE.test(name))) return 'upstream_model_missing';
  if (status !== 404 && NO_MODEL.test(message)) return 'upstream_model_missing';
  return names.includes('invalid_prompt') || FILTERED.test(`${code} ${message}`) ? 'upstream_content_filter' : null;
}

const NAMED_THING =
  '(file|vector[ _]?store|conversation|container|prompt|response|item|skill|thread|assistant|cached ?content|user_profile)';
const NAMED_CODE = new RegExp(`^(previous_)?${NAMED_THING}_`, 'i');
const NAMED_GONE = new RegExp(
  `\\bno such ${NAMED_THING}|(?<![/\\w])${NAMED_THING}s?\\b[^.]{0,100} (not found|(does|do) not exist|could not be found|no longer)`,
  'i',
);

/**
 * A 404 about something that the request names other than its model: OpenAI's "Vector store with id vs_1 not found.", "No
 * such File object", Anthropic's `file_not_found`. The client's fault, which must not take the model out of rotation.
 */
export function isAboutNamedThing({ code, message }: Pick<ProviderWords, 'code' | 'message'>): boolean {
  if (NAMED_CODE.test(code)) return true;
  return NAMED_GONE.test(message) && !/\b(models?|deployment)\b/i.test(message);
}

/** xAI has been seen to send percent-encoded messages (2025-03). */
function decoded(message: string): string {
  return message.replaceAll('%20', ' ');
}

/**
 * Whether a rate limit applies to the credential; otherwise it applies to the requested model. Google shows it in the quota's
 * id (`PerProject` without `PerModel`), others by a message that names no model.
 */
export function limitedBy(body: unknown, message: string): { limits?: 'credential' } {
  const ids = quotaIds(body);
  const isCredential = ids.length > 0 ? !ids.some(isPerModel) : CREDENTIAL_LIMIT.test(message) && !MODEL.test(message);
  return isCredential ? { limits: 'credential' } : {};
}

function isPerModel(id: string): boolean {
  return /per[_ ]?(base[_ ]?)?model/i.test(id);
}

const MODEL = /\bmodels?\b|\b(gpt|claude|gemini|grok|o\d)-/i;
const CREDENTIAL_LIMIT =
  /\b(for|of|by|to|on) (your|this|the) (account|organi[sz]ation|project|team|workspace|(api )?key)\b|\b(your|account|organi[sz]ation|project|team|workspace|key)(['’]s)? .{0,20}rate limit|account[- ]wide/i;

/** Replacements for messages about the broker's account, which must not read as if they were addressed to the client. */
const ABOUT_THE_BROKER: Partial<Record<FailureCode, string>> = {
  upstream_credential_refused: 'The provider refused the broker’s own key, not the client’s.',
  upstream_quota_exhausted: 'The broker’s own account at the provider is exhausted, not the client’s.',
};

/** A sentence with a link, or with advice about a key or an account. */
const ADVICE =
  /https?:|www\.|\b(console|platform|dashboard)\.[a-z]|^(please|to |go to|visit|see|check|contact|ensure|make sure|you can|you may|get |obtain|create|generate|add |purchase|upgrade|call )|\b(obtain|get|find|create|generate|renew|purchase|buy|top up|check|visit|pass|provide) (an?|your|the|more|a valid|new)\b/i;

/** The provider's message for a client: without keys, and without advice to get one. */
export function tellClient(code: FailureCode, said: string): string {
  const about = ABOUT_THE_BROKER[code];
  // xAI: "does not exist or your team has no access to it. Please ensure you're using the correct API key."
  if (code === 'upstream_model_missing') return withoutAdvice(redact(said)) || redact(said);
  if (about === undefined) return redact(said);
  const facts = withoutAdvice(redact(decoded(said)));
  return facts === '' ? about : `${about} It said: ${facts}`;
}

function withoutAdvice(message: string): string {
  return message
    .split(/(?<=[.!?;])\s+|\n+|,\s+(?=please\b)/i)
    .filter((sentence) => !ADVICE.test(sentence.trim()))
    .join(' ')
    .trim();
}

const MAX_DETAILS_CHARS = 8_192;
/** Failures that are about the client's request: the provider's details are passed to the client. */
const ABOUT_THE_REQUEST = new Set<FailureCode>([
  'upstream_bad_request',
  'upstream_context_length',
  'upstream_content_filter',
]);

/** `error.details` as they came, without keys; none if they are about the broker's account, or too long. */
export function tellDetails(code: FailureCode, details: unknown): { details?: FailureDetails } {
  if (!ABOUT_THE_REQUEST.has(code) || !isDetails(details)) return {};
  const text = JSON.stringify(details);
  if (text.length > MAX_DETAILS_CHARS) return {};
  return { details: JSON.parse(text, (_key, value) => (typeof value === 'string' ? redact(value) : value)) };
}

function isDetails(value: unknown): value is FailureDetails {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
}

/** An announced wait is used only for failures that waiting can fix. */
export function isCuredByWaiting(code: FailureCode): boolean {
  return ruleOf(code).retry === true;
}

// Providers quote the broker's own key in their errors: "Incorrect API key provided: sk-ab***yz". Anything that looks like a
// key is removed from every message; configured secrets were removed from the bytes before (contracts/secret-mask.ts).
const KEY_LIKE =
  /\b(?:sk|pk|rk|gsk|xai|tgp|fw)[-_][A-Za-z0-9*_-]{6,}|\bAIza[A-Za-z0-9_-]{10,}|\bBearer +[A-Za-z0-9*._-]{6,}|(?<![A-Za-z0-9_-])(?:[A-Za-z0-9_-]*\*{4,})+[A-Za-z0-9_-]*/g;
const MAX_MESSAGE_CHARS = 2_000;
const MASK = '[redacted]';

/** A provider's message as it may be shown to a client and logged. */
export function redact(message: string): string {
  return message.slice(0, MAX_MESSAGE_CHARS).replace(KEY_LIKE, MASK);
}
