// An entry of the ledger, for tests that write some without a broker.
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';

/** A settled attempt; `change` has the fields that the test is about. */
export function ledgerEntry(change: Partial<LedgerEntry> & Pick<LedgerEntry, 'requestId'>): LedgerEntry {
  return {
    attempt: 1,
    keyId: 'key_1',
    model: 'm',
    provider: 'p',
    deployment: 'p/m',
    upstreamModel: 'm',
    protocol: 'openai-chat',
    lane: 'interactive',
    isStream: false,
    state: 'settled',
    outcome: 'ok',
    startedAtMs: Date.UTC(2026, 10, 28),
    queueMs: 0,
    firstByteMs: null,
    durationMs: 1,
    inputTokens: 1,
    cachedInputTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 1,
    reasoningTokens: 0,
    costPicoUsd: '1000000',
    ...change,
  };
}
