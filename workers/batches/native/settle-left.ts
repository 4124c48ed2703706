// Chunks whose batch has ended without them: their provider had not said how they ended (abandoned), or the batch was
// stopped before its owner knew of them. They are cancelled there, and what they cost in the end replaces the estimate in
// the books. Every process looks; everything here is safe to do twice.
import type { NativeChunk } from '#src/batches/native-chunk.ts';
import { lineRequestId } from '#src/contracts/batch.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import type { Cost } from '#src/contracts/money.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { detailsOf, encodeMessage } from '#src/ledger/messages.ts';
import type { BatchProtocol, ProviderBatch, ProviderLine } from '#src/protocols/batch-protocol.ts';
import { findBatchProtocol } from '#src/protocols/batch-registry.ts';
import { clientProtocol, findProtocolRoute } from '#src/protocols/registry.ts';
import type { BatchContext } from '../batch-context.ts';
import { fetchResults } from './fetch-results.ts';
import { createLinePricing, type LinePricing } from './line-pricing.ts';
import { NATIVE_TRY } from './native-line.ts';
import type { ProviderAccess } from './provider-client.ts';

/** A provider keeps results for weeks; what it has not said by then stays an estimate. */
const FORGOTTEN_MS = 7 * 24 * 3_600_000;
const NOT_FOUND = 404;
const NOTHING: Cost = { cost: 0n, unpriced: [] };

interface LeftChunk {
  chunk: NativeChunk;
  protocol: BatchProtocol;
  access: ProviderAccess;
  /** One for each line. */
  openPricing(): LinePricing;
}

export function startLeftChunks(context: BatchContext): { stop(): void } {
  let isStopped = false;
  let timer: NodeJS.Timeout | null = null;
  const look = async () => {
    for (const chunk of await context.native.chunks.listLeft()) {
      if (isStopped) return;
      const isSettled = await settleLeft(context, chunk).catch((error: unknown) => {
        if (!isStopped)
          context.logger.warn({ err: error, chunk: chunk.id }, 'what a provider’s batch cost is not known yet');
        return false;
      });
      if (isSettled || Date.now() > chunk.createdAtMs + FORGOTTEN_MS) await context.native.chunks.remove(chunk.id);
    }
  };
  const run = () => {
    void look()
      .catch((error: unknown) => context.logger.warn({ err: error }, 'left chunks could not be looked at'))
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

/** True when nothing is left to be known. */
async function settleLeft(context: BatchContext, chunk: NativeChunk): Promise<boolean> {
  // Its results were read, or it never was there.
  if (chunk.state === 'ended' || chunk.state === 'returned') return true;
  const left = describeLeft(context, chunk);
  const { providers } = context.native;
  if (left === null || chunk.providerBatchId === null) return false;
  const { protocol, access } = left;
  const answer = await providers.ask(access, protocol.retrieve(chunk.providerBatchId));
  if (answer.kind === 'failed') return answer.failure.upstreamStatus === NOT_FOUND;
  const batch = protocol.readBatch(answer.value);
  if (batch === null) return false;
  if (!batch.hasEnded) {
    await providers.ask(access, protocol.cancel(batch.id));
    return false;
  }
  await bookResults(context, left, batch);
  for (const call of protocol.remove(batch)) await providers.ask(access, call);
  return true;
}

function describeLeft({ catalogue }: BatchContext, chunk: NativeChunk): LeftChunk | null {
  const deployment = catalogue.deployments.get(chunk.deployment);
  const protocol = findBatchProtocol(chunk.protocol);
  const route = deployment && findProtocolRoute(chunk.protocol, deployment.provider.protocols);
  if (!deployment || !route || protocol === null) return null;
  return {
    chunk,
    protocol,
    openPricing: () => createLinePricing(catalogue, { deployment, upstreamModel: chunk.upstreamModel }),
    access: { provider: deployment.provider, upstream: route.upstream },
  };
}

async function bookResults(context: BatchContext, left: LeftChunk, batch: ProviderBatch): Promise<void> {
  const { chunk, protocol, access } = left;
  const { providers } = context.native;
  const ids = new Set(
    chunk.lines.map(({ number }) => lineRequestId(chunk.batchId, number, NATIVE_TRY, chunk.replyShards)),
  );
  const { max_answer_bytes: maxLineBytes } = context.configuration.workers;
  for await (const result of fetchResults(providers, access, protocol, batch, maxLineBytes)) {
    if (result.kind === 'not-run' || !ids.delete(result.id)) continue;
    const pricing = left.openPricing();
    const usage = usageOf(chunk, pricing, result);
    await append(context, chunk, result.id, usage, pricing.costOf(usage));
  }
  // What it did not run costs nothing.
  for (const id of ids) await append(context, chunk, id, NO_USAGE, NOTHING);
}

/** As a client of the provider's own protocol would read it. */
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

/** Takes the place of an estimate, which has everything else that is known of the attempt. */
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
