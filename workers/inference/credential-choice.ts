// Chooses the credential of a provider for a call. A refused or exhausted credential is out of rotation (it has its own circuit);
// one that is on hold or full is skipped; a request that was refused with one credential is sent with the next.
import type { Provider } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import type { Failure } from '#src/contracts/failure.ts';
import type { FailureCode } from '#src/contracts/failure-table.ts';
import { circuitOf, type RouteStep } from '#src/contracts/route-plan.ts';
import { credential as credentialHeaders, type UpstreamRequest } from '#src/protocols/call/prepare-call.ts';
import type { ProtocolRoute } from '#src/protocols/registry.ts';
import type { CircuitState } from '#src/routing/circuits.ts';
import type { Hold } from '#src/routing/holds.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

export type CredentialChoice =
  /** Best first; `[null]` for a provider without a choice of credentials. */
  | { kind: 'usable'; credentials: readonly (Credential | null)[] }
  | { kind: 'held'; hold: Hold }
  | Extract<CircuitState, { kind: 'open' }>;

const NO_CHOICE: CredentialChoice = { kind: 'usable', credentials: [null] };
/** A credential whose secret cannot be read is tried again after this time. */
const UNREADABLE: CredentialChoice = { kind: 'open', waitMs: 5_000, code: 'upstream_credential_refused' };

/** Makes no round trip while none of them has been refused. */
export async function chooseCredentials(
  { circuits, holds }: InferenceContext,
  { step, leftCredentials }: Delivery,
  provider: Provider,
): Promise<CredentialChoice> {
  if (provider.credentials.length === 0) return NO_CHOICE;
  const usable: Credential[] = [];
  const others: CredentialChoice[] = [];
  for (const credential of inOrder(provider.credentials, step.credentials ?? [])) {
    const hold = holds.get(credential.scope.name);
    if (hold !== null) others.push({ kind: 'held', hold });
    else if (credential.secret() === null) others.push(UNREADABLE);
    else if (!leftCredentials.has(credential.name)) {
      const names = credentialCircuits(credential, step);
      // Checking a suspect one uses up a trial: only if no healthy one precedes it.
      if (usable.length > 0 && names.some(circuits.isSuspect)) continue;
      const states = await Promise.all(names.map((name) => circuits.check(name, true)));
      const open = states.find((state) => state.kind === 'open');
      if (open === undefined) usable.push(credential);
      else others.push(open);
    }
  }
  return usable.length > 0 ? { kind: 'usable', credentials: usable } : soonest(others);
}

export function inOrder(credentials: readonly Credential[], names: readonly string[]): Credential[] {
  const place = ({ name }: Credential) => (names.includes(name) ? names.indexOf(name) : names.length);
  return [...credentials].sort((a, b) => place(a) - place(b));
}

/** The obstacle that ends first; a hold only if there is no other obstacle. */
function soonest(others: readonly CredentialChoice[]): CredentialChoice {
  const open = others.filter((other) => other.kind === 'open').sort((a, b) => a.waitMs - b.waitMs)[0];
  return open ?? others[0] ?? UNREADABLE;
}

/** Circuits of the whole credential, and of its use with one model (403): each leaves the rotation separately. */
export function credentialCircuits({ scope }: Credential, step: RouteStep): [whole: string, ofModel: string] {
  return [scope.name, `${scope.name}/${circuitOf(step)}`];
}

export function findCredential({ credentials }: Provider, name: string | undefined): Credential | null {
  return credentials.find((credential) => credential.name === name) ?? null;
}

/** Failures that concern the account, not the provider: another credential may be served. */
const OF_CREDENTIAL: ReadonlySet<FailureCode> = new Set([
  'upstream_credential_refused',
  'upstream_quota_exhausted',
  'upstream_rate_limited',
]);

export function isOfCredential(credential: Credential | null, failure: Failure | null): credential is Credential {
  return credential !== null && failure !== null && OF_CREDENTIAL.has(failure.code);
}

/** Records that the request was refused with this credential; false if no other is left. */
export function leaveCredential(
  { circuits, holds }: InferenceContext,
  { step, leftCredentials }: Delivery,
  provider: Provider,
  credential: Credential,
): boolean {
  leftCredentials.add(credential.name);
  const isFree = (other: Credential) =>
    !leftCredentials.has(other.name) &&
    other.secret() !== null &&
    holds.get(other.scope.name) === null &&
    !credentialCircuits(other, step).some(circuits.isOpen);
  if (provider.credentials.some(isFree)) return true;
  leftCredentials.clear();
  return false;
}

/** Whether the secret was replaced after the call that was refused: re-reads it, once per request. */
export async function isRotated(
  { renewedCredentials }: Delivery,
  credential: Credential | null,
  secret: string | null,
  failure: Failure | null,
): Promise<boolean> {
  if (credential === null || failure?.code !== 'upstream_credential_refused') return false;
  if (renewedCredentials.has(credential.name)) return false;
  renewedCredentials.add(credential.name);
  await credential.renew();
  return credential.secret() !== secret;
}

/** The request with the headers for this secret. */
export function withCredential(
  request: UpstreamRequest,
  { upstream }: ProtocolRoute,
  { dialect }: Provider,
  secret: string | null,
): UpstreamRequest {
  if (secret === null) return request;
  const { credentialHeader } = dialect;
  const own = credentialHeaders(upstream.credentialHeaders, { apiKey: secret, credentialHeader });
  return { ...request, headers: { ...request.headers, ...own } };
}
