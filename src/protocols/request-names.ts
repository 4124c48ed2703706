// Bounds of the names that a request carries, checked before anything remembers, compares or stores them: names become
// cache entries, log fields, metric labels and SQL values of the broker, whatever a provider would say to them.
import { createFailure, type Failure, isFailure } from '../contracts/failure.ts';
import { checkBodyNames } from './body-names.ts';
import { faultOfName } from './name-fault.ts';
import type { ClientProtocol, RequestFacts, RequestTarget } from './protocol.ts';

/** Longer than any model's name that is known: Bedrock's ARNs have some 150 characters. */
const MAX_MODEL_CHARS = 256;
/** Alternatives and preferences: what a plan can hold. */
const MAX_NAMES = 32;
const MAX_PROVIDER_CHARS = 63;

/** Facts of a parsed body whose names and ids may be used, or what is wrong with it. */
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

/** What providers know is some dozens; hundreds of thousands take seconds to merge, to name and to leave out. */
const MAX_MEMBERS = 1_000;

function checkMembers(body: unknown): Failure | null {
  const extra = (body as { extra_body?: unknown } | null)?.extra_body;
  for (const [param, value] of Object.entries({ body, extra_body: extra })) {
    if (typeof value === 'object' && value !== null && Object.keys(value).length > MAX_MEMBERS) {
      return refusal(param, `have at most ${MAX_MEMBERS} members`);
    }
  }
  return null;
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
