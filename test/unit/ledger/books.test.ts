import { beforeEach, expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import type { LedgerEntry, LedgerMessage } from '#src/contracts/ledger-entry.ts';
import { CONTRACT_VERSION, NO_PROGRESS, type RequestSpec } from '#src/contracts/request-record.ts';
import type { RouteStep } from '#src/contracts/route-plan.ts';
import { type BookKeepers, createBooks, type RequestEnding } from '#src/ledger/books.ts';

const step = { provider: 'a', deployment: 'a/b', upstreamModel: 'b' } as RouteStep;
const spec: RequestSpec = {
  version: CONTRACT_VERSION,
  requestId: 'req_1',
  keyId: 'key_1',
  keyScope: null,
  budgetHold: { parts: [{ account: 'key_1:month:2026-11-01', amount: '900000000' }] },
  protocol: 'openai-chat',
  model: 'm',
  lane: 'interactive',
  isStream: false,
  usageDelivery: 'none',
  forwardedHeaders: {},
  choices: 1,
  plan: { steps: [step] },
  acceptedAtMs: 1,
  deadlineAtMs: 60_000,
  inbox: 'api_1',
  lifetime: 'client',
  retentionMs: 60_000,
  estimatedInputTokens: 1,
  estimatedOutputTokens: 1,
};
/** Two calls, slightly more than three ten-thousandths of a dollar. */
const progress = { ...NO_PROGRESS, calls: 2, costPicoUsd: '300000001' };

let appended: LedgerMessage[];
let settled: unknown[];
let left: unknown[];
let errors: Error[];
let keepers: BookKeepers;

beforeEach(() => {
  [appended, settled, left, errors] = [[], [], [], []];
  keepers = {
    ledger: { append: async (message) => void appended.push(JSON.parse(message) as LedgerMessage) },
    budgets: { settle: async (...settlement) => void settled.push(settlement) },
    waitQueues: { forget: async ({ requestId }, { deployment }) => void left.push([requestId, deployment]) },
    onError: (error) => errors.push(error),
  };
});

const close = (ending: Partial<RequestEnding>, append?: (message: string) => Promise<void>) =>
  createBooks(keepers).close({ spec, progress, failure: null, answeredBy: step, waitedAt: null, ...ending }, append);

test('an answered request counts in budgets with its cost; its charge is the cost, rounded up once', async () => {
  await close({});
  expect(appended).toMatchObject([
    { request: { outcome: 'ok', provider: 'a', upstreamModel: 'b', attempts: 2, chargeUnits: 4 } },
  ]);
  expect(settled).toEqual([[spec.budgetHold, 'req_1', 300_000_001n, 400_000_000n]]);
  expect(left).toEqual([]);
});

test('its last attempt is settled in the same step, whichever it is', async () => {
  const attempt = { requestId: 'req_1', attempt: 2 } as LedgerEntry;
  const taken: LedgerMessage[] = [];
  await close({ attempt }, async (message) => void taken.push(JSON.parse(message) as LedgerMessage));
  expect(taken).toMatchObject([{ attempt: { attempt: 2 }, request: { outcome: 'ok' } }]);
  expect(appended).toEqual([]);
  expect(settled).toHaveLength(1);
});

test('a request that failed while it waited leaves its wait queues, and becomes a dead letter', async () => {
  const failure = createFailure('worker_lost', 'Gone.');
  await close({ failure, answeredBy: null, waitedAt: step });
  expect(left).toEqual([['req_1', 'a/b']]);
  expect(appended).toMatchObject([
    { request: { outcome: 'worker_lost', provider: null }, deadLetter: { failure, spec: { requestId: 'req_1' } } },
  ]);
});

test('a request that its client cancelled is not a dead letter', async () => {
  await close({ failure: createFailure('request_cancelled', 'Gone.'), answeredBy: null });
  expect(appended[0]).not.toHaveProperty('deadLetter');
});

test('a request without a record is not a dead letter: another worker may have answered it', async () => {
  await close({ failure: createFailure('worker_lost', 'Gone.'), answeredBy: null, isOrphan: true });
  expect(appended).toMatchObject([{ request: { outcome: 'worker_lost', attempts: 2 } }]);
  expect(appended[0]).not.toHaveProperty('deadLetter');
});

test('a wait queue that cannot be left delays nothing', async () => {
  keepers.waitQueues.forget = () => Promise.reject(new Error('away'));
  await close({ waitedAt: step });
  expect(appended).toHaveLength(1);
  expect(errors).toHaveLength(1);
});

test('a failure of the ledger is returned to the caller, who retries', async () => {
  await expect(close({}, () => Promise.reject(new Error('away')))).rejects.toThrow('away');
});
