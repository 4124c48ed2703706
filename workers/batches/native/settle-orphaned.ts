// Settles orphaned chunks, whose batch ended before them: they were abandoned, or a new owner stopped the batch before it
// loaded them. They are cancelled at their provider, and their real cost replaces the estimate in the ledger. Runs in every
// process; every step is safe to repeat.

import type { NativeChunk } from '#src/batches/native-chunk-store.ts';
import { lineRequestId } from '#src/contracts/batch.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import type { Cost } from '#src/contracts/money.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { detailsOf, encodeMessage } from '#src/ledger/books.ts';
import type { BatchProtocol, ProviderBatch, ProviderLine } from '#src/protocols/batch-protocol.ts';
import { clientProtocol, findBatchProtocol, findProtocolRoute } from '#src/protocols/registry.ts';
import { createTroubleLog } from '#src/telemetry/trouble-log.ts';
import type { BatchContext } from '../batch-context.ts';
import { askHolder, credentialOf } from './chunk-credentials.ts';
import { createLinePricing, type LinePricing, NATIVE_TRY } from './native-line.ts';
import { fetchResults, type ProviderAccess } from './provider-client.ts';

/** Providers keep results for weeks; a cost that is still unknown after this remains an estimate. */
const MAX_AGE_MS = 7 * 24 * 3_600_000;
const NOT_FOUND = 404;
const NOTHING: Cost = { cost: 0n, unpriced: [] };

interface OrphanedChunk {
  chunk: NativeChunk;
  protocol: BatchProtocol;
  access: ProviderAccess;
  /** One for each line. */
  openPricing(): LinePricing;
}

export function startOrphanedChunks(context: BatchContext): { stop(): void } {
  const trouble = createTroubleLog(context.logger, 'settling the cost of orphaned provider batches');
  let isStopped = false;
  let timer: NodeJS.Timeout | null = null;
  const look = async () => {
    for (const chunk of await context.native.chunks.listOrphaned()) {
      if (isStopped) return;
      const isSettled = await settleOrphaned(context, chunk).catch((error: Error) => {
        if (!isStopped) trouble.note(error);
        return false;
      });
      if (isSettled || Date.now() > chunk.createdAtMs + MAX_AGE_MS) await context.native.chunks.remove(chunk.id);
    }
  };
  const run = () => {
    void look()
      .catch(trouble.note)
      .finally(() => {
        if (!isStopped) timer = setTimeout(run, context.configuration.batches.native.max_poll_ms);
      });
  };
  run();
  return {
    stop() {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** True if the cost is final. */
async function settleOrphaned(context: BatchContext, chunk: NativeChunk): Promise<boolean> {
  // Its results were booked, or the provider never had it.
  if (chunk.state === 'ended' || chunk.state === 'returned') return true;
  const orphan = resolveOrphan(context, chunk);
  const { providers } = context.native;
  if (orphan === null || chunk.providerBatchId === null) return false;
  const { protocol } = orphan;
  const { answer, credential, isGone } = await askHolder(
    providers,
    orphan.access,
    protocol.retrieve(chunk.providerBatchId),
  );
  // Its credential may come back.
  if (answer.kind === 'failed') return answer.failure.upstreamStatus === NOT_FOUND && !isGone;
  const access = { ...orphan.access, credential };
  const batch = protocol.readBatch(answer.value);
  if (batch === null) return false;
  if (!batch.hasEnded) {
    await providers.ask(access, protocol.cancel(batch.id));
    return false;
  }
  await bookResults(context, { ...orphan, access }, batch);
  for (const call of protocol.remove(batch)) await providers.ask(access, call);
  return true;
}

/** Null if its deployment is no longer in the configuration. */
function resolveOrphan({ catalogue }: BatchContext, chunk: NativeChunk): OrphanedChunk | null {
  const deployment = catalogue.deployments.get(chunk.deployment);
  const protocol = findBatchProtocol(chunk.protocol);
  const route = deployment && findProtocolRoute(chunk.protocol, deployment.provider.protocols);
  if (!deployment || !route || protocol === null) return null;
  return {
    chunk,
    protocol,
    openPricing: () => createLinePricing(catalogue, { deployment, upstreamModel: chunk.upstreamModel }),
    access: {
      provider: deployment.provider,
      upstream: route.upstream,
      credential: credentialOf(chunk, deployment.provider),
    },
  };
}

async function bookResults(context: BatchContext, orphan: OrphanedChunk, batch: ProviderBatch): Promise<void> {
  const { chunk, protocol, access } = orphan;
  const { providers } = context.native;
  const ids = new Set(
    chunk.lines.map(({ number }) => lineRequestId(chunk.batchId, number, NATIVE_TRY, chunk.replyShards)),
  );
  const { max_answer_bytes: maxLineBytes } = context.configuration.workers;
  for await (const result of fetchResults(providers, access, protocol, batch, maxLineBytes)) {
    if (result.kind === 'not-run' || !ids.delete(result.id)) continue;
    const pricing = orphan.openPricing();
    const usage = usageOf(chunk, pricing, result);
    await append(context, chunk, result.id, usage, pricing.costOf(usage));
  }
  // Lines that were not run cost nothing.
  for (const id of ids) await append(context, chunk, id, NO_USAGE, NOTHING);
}

/** Read as an answer in the provider's own protocol. */
function usageOf(
  { protocol }: NativeChunk,
  { priceUsage }: LinePricing,
  { status, body }: Extract<ProviderLine, { kind: 'answered' }>,
): Usage {
  if (status >= 300) return NO_USAGE;
  const { passThrough } = clientProtocol(protocol);
  const context = { usageDelivery: 'none' as const, choices: 1, estimatedInputTokens: 0, priceUsage };
  return passThrough.relayBody(body, context).usage;
}

/** Replaces the estimate of the same attempt; only usage and cost change. */
async function append(
  { ledger }: BatchContext,
  chunk: NativeChunk,
  requestId: string,
  usage: Usage,
  cost: Cost,
): Promise<void> {
  const { inputTokens, cachedInputTokens, cacheWriteTokens, outputTokens, reasoningTokens } = usage;
  const attempt: LedgerEntry = {
    requestId,
    attempt: NATIVE_TRY,
    keyId: chunk.keyId,
    model: chunk.upstreamModel,
    provider: chunk.provider,
    deployment: chunk.deployment,
    ...(chunk.credential !== null && { credential: chunk.credential }),
    upstreamModel: chunk.upstreamModel,
    protocol: chunk.protocol,
    lane: 'batch',
    isStream: false,
    state: usage.isEstimated ? 'estimated' : 'settled',
    outcome: 'request_cancelled',
    startedAtMs: chunk.createdAtMs,
    queueMs: 0,
    firstByteMs: null,
    durationMs: Date.now() - chunk.createdAtMs,
    inputTokens,
    cachedInputTokens,
    cacheWriteTokens,
    outputTokens,
    reasoningTokens,
    costPicoUsd: cost.cost.toString(),
    ...detailsOf({ usage, cost }),
  };
  await ledger.append(encodeMessage({ attempt }));
}
