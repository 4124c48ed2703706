// The connections, stores and services of the batches process; opened by start-batches.ts.
import type { ApiKey } from '#src/accounts/api-key.ts';
import type { Budgets } from '#src/accounts/budgets.ts';
import type { KeyStore } from '#src/accounts/key-store.ts';
import type { FileStore } from '#src/batches/file-store.ts';
import type { FileResolver } from '#src/batches/resolve-files.ts';
import type { RunStore } from '#src/batches/run-store.ts';
import type { Catalogue } from '#src/config/catalogue.ts';
import type { Configuration } from '#src/config/schema.ts';
import type { Books } from '#src/ledger/books.ts';
import type { LedgerStream } from '#src/ledger/ledger-stream.ts';
import type { QueueProducer } from '#src/queue/producer.ts';
import type { RequestStore } from '#src/reply/request-store.ts';
import type { ReplySubscriber } from '#src/reply/subscriber.ts';
import type { Planner } from '#src/routing/plan-route.ts';
import type { BlobStore } from '#src/storage/blobs.ts';
import type { Logger } from '#src/telemetry/logger.ts';
import type { BatchMetrics } from '#src/telemetry/metrics.ts';
import type { AcceptLines } from './accept-lines.ts';
import type { NativeServices } from './native/native-services.ts';
import type { LineTracing } from './trace-lines.ts';

export interface BatchContext {
  /** Owns the leases; also the inbox to which replies are announced. */
  instanceId: string;
  configuration: Configuration;
  catalogue: Catalogue;
  blobs: BlobStore;
  files: FileStore;
  fileResolver: FileResolver;
  runs: RunStore;
  keys: KeyStore;
  /** Null for a key that is unknown or revoked. Up to a few seconds stale. */
  findKey(id: string): Promise<ApiKey | null>;
  budgets: Budgets;
  plan: Planner;
  store: RequestStore;
  acceptLines: AcceptLines;
  producer: QueueProducer;
  subscriber: ReplySubscriber;
  ledger: LedgerStream;
  books: Books;
  native: NativeServices;
  logger: Logger;
  /** Called for every error of Redis or SQL after which the step is retried. */
  onTrouble: (error: Error) => void;
  metrics: BatchMetrics;
  /** Null if tracing is off. */
  tracing: LineTracing | null;
}
