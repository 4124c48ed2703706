// Every provider batch API that the broker speaks, by its provider protocol.
import { anthropicMessagesBatch } from './anthropic-messages/batch.ts';
import type { BatchProtocol } from './batch-protocol.ts';
import { geminiGenerateContentBatch } from './gemini-generate-content/batch.ts';
import { openaiChatBatch, openaiEmbeddingsBatch, openaiResponsesBatch } from './openai/batch.ts';

const PROTOCOLS: ReadonlyMap<string, BatchProtocol> = new Map(
  [
    openaiChatBatch,
    openaiResponsesBatch,
    openaiEmbeddingsBatch,
    anthropicMessagesBatch,
    geminiGenerateContentBatch,
  ].map((protocol) => [protocol.upstream, protocol]),
);

/** Null for a protocol without batches. */
export function findBatchProtocol(upstream: string): BatchProtocol | null {
  return PROTOCOLS.get(upstream) ?? null;
}
