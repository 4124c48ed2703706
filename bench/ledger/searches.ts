// Times the console's searches for requests, each with one filter, over the existing ledger.

import { type RequestFilter, searchRequests } from '#src/ledger/request-search.ts';
import type { Database } from '#src/storage/database.ts';

type Timed = <T>(what: string, run: () => Promise<T>, shown: (result: T) => string) => Promise<T>;

const PAGE = 50;

export async function timeSearches(database: Database, timed: Timed): Promise<void> {
  const filters: Record<string, RequestFilter> = {
    'no filter': {},
    'a key': { keyId: 'key_7' },
    'an unknown key': { keyId: 'key_none' },
    'models by pattern': { model: 'model-1*' },
    'a provider': { provider: 'provider-3' },
    failed: { outcome: 'failed' },
    'one outcome': { outcome: 'request_cancelled' },
    'a lane': { lane: 'batch' },
    'a protocol': { protocol: 'anthropic-messages' },
    'not streamed': { isStream: false },
    'a time': { fromMs: Date.now() - 30 * 86_400_000, toMs: Date.now() - 29 * 86_400_000 },
    'a cost': { minCostPicoUsd: 1_000_000_000n },
    'a duration': { minDurationMs: 9_290 },
    retried: { isRetried: true },
  };
  for (const [name, filter] of Object.entries(filters))
    await timed(
      `requests, ${name}: `,
      () => searchRequests(database, filter, PAGE),
      ({ requests, next }) => `${requests.length} on the page${next === null ? '' : ', and more'}`,
    );
}
