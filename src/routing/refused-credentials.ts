// Providers' credentials that are currently refused: circuits that were opened by a rejected key or an exhausted quota.
import type { FailureCode } from '../contracts/failure-table.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';

export interface RefusedCredential {
  provider: string;
  /** By name; null if the provider has only one key. */
  credential: string | null;
  code: FailureCode;
  /** The deployments for which it is refused, if not for all, usually by a 403. Empty: for all. */
  deployments: string[];
}

const CODES: ReadonlySet<string> = new Set<FailureCode>(['upstream_credential_refused', 'upstream_quota_exhausted']);
const PREFIX = 'credential:';
/** Bounded, because clients choose the names of wildcard models. */
const MOST_READ = 2_000;

/** One entry for each credential and reason. */
export async function readRefusedCredentials(redis: RedisClient, keyspace: Keyspace): Promise<RefusedCredential[]> {
  const names = (await redis.hkeys(keyspace.openCircuits)).slice(0, MOST_READ);
  const codes = await Promise.all(names.map((name) => redis.hget(keyspace.circuit(name), 'code')));
  const found = new Map<string, RefusedCredential>();
  for (const [index, name] of names.entries()) {
    const code = codes[index];
    if (code == null || !CODES.has(code)) continue;
    const { provider, credential, deployment } = readName(name);
    const key = `${provider}/${credential}:${code}`;
    const refused = found.get(key) ?? { provider, credential, code: code as FailureCode, deployments: [] };
    found.set(key, refused);
    if (deployment !== null) refused.deployments.push(deployment);
  }
  return [...found.values()];
}

/** `credential:PROVIDER/NAME`, `credential:PROVIDER/NAME/DEPLOYMENT` or `PROVIDER/MODEL`, a deployment. */
function readName(name: string) {
  const isCredential = name.startsWith(PREFIX);
  const [provider = '', credential = '', ...rest] = name.slice(isCredential ? PREFIX.length : 0).split('/');
  if (!isCredential) return { provider, credential: null, deployment: name };
  return { provider, credential, deployment: rest.length === 0 ? null : rest.join('/') };
}
