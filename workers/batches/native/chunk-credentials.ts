// Chooses the credential of a provider with which a chunk is created and found again. A chunk belongs to the account of the
// credential that created it: the same one polls, reads and cancels it. If that one is no longer configured or does not find the
// chunk, the others are tried: keys of one account see the same batches.
import { LRUCache } from 'lru-cache';
import type { NativeChunk, NativeChunkStore } from '#src/batches/native-chunk-store.ts';
import type { Deployment, Provider } from '#src/config/catalogue.ts';
import type { Credential } from '#src/config/credentials.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { BatchCall } from '#src/protocols/batch-protocol.ts';
import type { Circuits } from '#src/routing/circuits.ts';
import type { Holds } from '#src/routing/holds.ts';
import { credentialCircuits, findCredential, isOfCredential } from '../../inference/credential-choice.ts';
import type { ProviderAccess, ProviderAnswer, ProviderClient } from './provider-client.ts';

/** The purpose of a chunk. */
export interface Place {
  deployment: Deployment;
  upstreamModel: string;
}

export interface ChunkCredentials {
  /**
   * Names, best first; `[null]` for a provider without a choice. Empty if each is on hold, cannot be read, or is out of rotation.
   * The one with the fewest lines at the provider relative to its weight, over the whole fleet, comes first; those that were just
   * refused a chunk come last.
   */
  inOrder(place: Place): Promise<(string | null)[]>;
  /** Whether it was passed to `refuse` recently. */
  wasRefused(place: Place, name: string | null): boolean;
  /** True if the account was refused, not the chunk; the credential is then tried last for a while. */
  refuse(place: Place, name: string | null, failure: Failure): boolean;
}

interface Rotation {
  chunks: Pick<NativeChunkStore, 'linesOut'>;
  circuits: Pick<Circuits, 'isOpen'>;
  holds: Pick<Holds, 'get'>;
}

/** A full batch queue of a provider empties within minutes, not seconds. */
const REFUSED_MS = 60_000;
/** All are tried once before one is tried again. */
const SHORTEST_MS = 1_000;
const MAX_REFUSED = 1_000;

export function createChunkCredentials({ chunks, circuits, holds }: Rotation): ChunkCredentials {
  const refused = new LRUCache<string, true>({ max: MAX_REFUSED });
  const keyOf = ({ scope }: Credential, upstreamModel: string) => `${scope.name} ${upstreamModel}`;

  function isUsable(credential: Credential, { id, provider }: Deployment, upstreamModel: string): boolean {
    const step = { deployment: id, provider: provider.name, upstreamModel, model: upstreamModel };
    return (
      credential.secret() !== null &&
      holds.get(credential.scope.name) === null &&
      !credentialCircuits(credential, step).some(circuits.isOpen)
    );
  }

  return {
    async inOrder({ deployment, upstreamModel }) {
      const { name, credentials } = deployment.provider;
      if (credentials.length === 0) return [null];
      const usable = credentials.filter((credential) => isUsable(credential, deployment, upstreamModel));
      if (usable.length < 2) return usable.map((credential) => credential.name);
      const out = await chunks.linesOut(name);
      const load = (credential: Credential) => (out.get(credential.name) ?? 0) / credential.weight;
      const late = (credential: Credential) => (refused.has(keyOf(credential, upstreamModel)) ? 1 : 0);
      return usable.sort((a, b) => late(a) - late(b) || load(a) - load(b)).map((credential) => credential.name);
    },
    wasRefused({ deployment: { provider }, upstreamModel }, name) {
      const credential = findCredential(provider, name ?? undefined);
      return credential !== null && refused.has(keyOf(credential, upstreamModel));
    },
    refuse({ deployment: { provider }, upstreamModel }, name, failure) {
      const credential = findCredential(provider, name ?? undefined);
      if (!isOfCredential(credential, failure)) return false;
      refused.set(keyOf(credential, upstreamModel), true, {
        ttl: Math.max(failure.retryAfterMs ?? REFUSED_MS, SHORTEST_MS),
      });
      return true;
    },
  };
}

/** A provider's answer for a batch that belongs to another account, or does not exist. */
const NOT_FOUND = 404;
const ELSEWHERE: ReadonlySet<number> = new Set([401, 403, NOT_FOUND]);

export interface HolderAnswer {
  /** 404 if no configured credential finds it. */
  answer: ProviderAnswer;
  /** The credential that found it, to be used from now on. */
  credential: string | null;
  /** The credential that created it is no longer configured. */
  isGone: boolean;
}

/** Tries the credentials in turn; only for calls without side effects. */
export async function askHolder(
  client: ProviderClient,
  access: ProviderAccess,
  call: BatchCall,
): Promise<HolderAnswer> {
  const { provider, credential } = access;
  const { names, isGone } = holdersOf(provider, credential);
  let said: ProviderAnswer | null = null;
  for (const name of names) {
    const answer = await client.ask({ ...access, credential: name }, call);
    if (answer.kind === 'answered') return { answer, credential: name, isGone };
    const isElsewhere = ELSEWHERE.has(answer.failure.upstreamStatus ?? 0);
    // Undecided: to be retried with the same credential.
    if (!isElsewhere) return { answer, credential, isGone };
    said ??= answer;
  }
  return { answer: isGone ? nobody(provider) : said!, credential, isGone };
}

/** Credentials that may find a chunk: its creator, then the others; without its creator only the others. */
export function holdersOf({ credentials }: Provider, name: string | null) {
  const others = credentials.map((credential) => credential.name).filter((other) => other !== name);
  const isGone = name !== null && !credentials.some((credential) => credential.name === name);
  // A provider that had several credentials and now has one key is called with that key.
  const first = isGone && others.length > 0 ? [] : [isGone ? null : name];
  return { names: [...first, ...others], isGone };
}

function nobody({ name }: Provider): ProviderAnswer {
  const message =
    'The credential that created this batch is no longer configured, and no other credential can access it.';
  const failure = createFailure('upstream_credential_refused', message, { provider: name, upstreamStatus: NOT_FOUND });
  return { kind: 'failed', failure };
}

/** A chunk without a name is from a release with one key per provider: the provider's first credential created it. */
export function credentialOf(
  { credential }: Pick<NativeChunk, 'credential'>,
  { credentials }: Provider,
): string | null {
  return credential ?? credentials[0]?.name ?? null;
}
