// The parts of the API tier, opened by its entry point and passed down.
import type { AdminKeyStore } from '../accounts/admin-key-store.ts';
import type { Budgets } from '../accounts/budgets.ts';
import type { KeyCache } from '../accounts/key-cache.ts';
import type { KeyStore } from '../accounts/key-store.ts';
import type { BatchStore } from '../batches/batch-store.ts';
import type { FileStore } from '../batches/file-store.ts';
import type { FileResolver } from '../batches/resolve-files.ts';
import type { Catalogue } from '../config/catalogue.ts';
import type { Environment } from '../config/environment.ts';
import type { Configuration } from '../config/schema.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { BodySeal } from '../dead-letters/dead-letter.ts';
import type { DeadLetterStore } from '../dead-letters/dead-letter-store.ts';
import type { LedgerStream } from '../ledger/ledger-stream.ts';
import type { LedgerWatch } from '../ledger/ledger-watch.ts';
import type { RejectStore } from '../ledger/reject-store.ts';
import type { LearnedLimits } from '../limits/learned-limits.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { QueueProducer } from '../queue/producer.ts';
import type { BodyQuota } from '../reply/body-quota.ts';
import type { ReplyLog } from '../reply/reply-log.ts';
import type { RequestStore } from '../reply/request-store.ts';
import type { ReplySubscriber } from '../reply/subscriber.ts';
import type { WorkerLiveness } from '../reply/worker-liveness.ts';
import type { ConversationLock, ConversationStore } from '../responses/conversations.ts';
import type { ResponseStore } from '../responses/response-store.ts';
import type { Holds } from '../routing/holds.ts';
import type { Planner } from '../routing/plan-route.ts';
import type { BlobStore } from '../storage/blobs.ts';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { RedisWatch } from '../storage/redis-watch.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ApiMetrics } from '../telemetry/metrics.ts';
import type { SecretBox } from '../webhooks/secret-box.ts';
import type { Admission } from './admit/admission.ts';
import type { HandOver } from './admit/hand-over.ts';
import type { RecentAnswers } from './admit/recent-answers.ts';
import type { KnownModels } from './describe/known-models.ts';
import type { FleetReader } from './fleet-state.ts';
import type { Sessions } from './guard/sessions.ts';
import type { LiveFigures } from './live/live-figures.ts';
import type { CancelOptions } from './relay/cancel-request.ts';
import type { OidcClient } from './sign-in/oidc.ts';
import type { RequestTracing } from './trace-requests.ts';

export interface ApiContext {
  instanceId: string;
  configuration: Configuration;
  environment: Environment;
  catalogue: Catalogue;
  redis: RedisClient;
  redisWatch: RedisWatch;
  bodies: BodyQuota;
  keyspace: Keyspace;
  database: Database;
  /** For queries that may read many rows (storage/report-database.ts). */
  reports: Database;
  blobs: BlobStore;
  files: FileStore;
  fileResolver: FileResolver;
  batches: BatchStore;
  deadLetters: DeadLetterStore;
  ledger: LedgerStream;
  ledgerWatch: LedgerWatch;
  /** Ledger messages that the database has rejected. */
  rejects: RejectStore;
  bodySeal: BodySeal;
  responses: ResponseStore;
  conversations: ConversationStore;
  conversationLock: ConversationLock;
  knownModels: KnownModels;
  keys: KeyCache;
  keyStore: KeyStore;
  budgets: Budgets;
  limiter: Limiter;
  learned: LearnedLimits;
  holds: Holds;
  plan: Planner;
  admission: Admission;
  producer: QueueProducer;
  handOver: HandOver;
  store: RequestStore;
  recentAnswers: RecentAnswers;
  liveness: WorkerLiveness;
  subscriber: ReplySubscriber;
  replyLog: ReplyLog;
  logger: Logger;
  metrics: ApiMetrics;
  /** Queues, limits and circuits over the whole fleet. */
  fleet: FleetReader;
  /** Null if tracing is off. */
  tracing: RequestTracing | null;
  /** Cancels a request wherever it is; returns at once. */
  cancel: (spec: RequestSpec, options?: CancelOptions) => void;
  secretBox: SecretBox;
  sessions: Sessions;
  /** Sign-in for people; null if only admin keys are configured. */
  oidc: OidcClient | null;
  live: LiveFigures;
  /** Whether there is a separate admin listener; the clients' listener then has no admin routes. */
  hasAdminListener: boolean;
  /** Null if administration is off. */
  adminKey: string | null;
  adminKeys: AdminKeyStore;
  replyShards: number;
  /** Set once shutdown has begun: no new requests are accepted. */
  isClosing: () => boolean;
}
