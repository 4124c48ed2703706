// Bounds of the names that a request carries, checked before anything remembers, compares or stores them: names become
// cache entries, log fields, metric labels and SQL values of the broker, whatever a provider would say to them.
import { createFailure, type Failure } from '../contracts/failure.ts';
import type { RequestFacts } from './protocol.ts';

/** Longer than any model's name that is known: Bedrock's ARNs have some 150 characters. */
const MAX_MODEL_CHARS = 256;
/** Alternatives and preferences: what a plan can hold. */
const MAX_NAMES = 32;
const MAX_PROVIDER_CHARS = 63;

/** Control characters, halves of surrogate pairs, line separators. */
const UNNAMEABLE = /[\p{Cc}\p{Cs}\u2028\u2029]/u;

/** What is wrong with a name or an id, as the rest of "… must …"; null for a good one. */
export function faultOfName(name: string, maxChars: number): string | null {
  if (name.length > maxChars) return `have at most ${maxChars} characters`;
  return UNNAMEABLE.test(name) ? 'not contain control characters' : null;
}

/** The first name of a request that is out of bounds, in its client's terms. */
export function checkNames({ model, alternativeModels, preferences, memory }: RequestFacts): Failure | null {
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
