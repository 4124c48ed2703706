// What the API tier is made of; opened by its entry point and passed down.
import type { Budgets } from '../accounts/budgets.ts';
import type { KeyCache } from '../accounts/key-cache.ts';
import type { KeyStore } from '../accounts/key-store.ts';
import type { Catalogue } from '../config/catalogue.ts';
import type { Configuration } from '../config/schema.ts';
import type { RequestSpec } from '../contracts/request-record.ts';
import type { Limiter } from '../limits/limiter.ts';
import type { QueueProducer } from '../queue/producer.ts';
import type { ReplyLog } from '../reply/reply-log.ts';
import type { RequestStore } from '../reply/request-store.ts';
import type { ReplySubscriber } from '../reply/subscriber.ts';
import type { Circuits } from '../routing/circuits.ts';
import type { Database } from '../storage/database.ts';
import type { Keyspace } from '../storage/keyspace.ts';
import type { RedisClient } from '../storage/redis.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { ApiMetrics } from '../telemetry/metrics.ts';

export interface ApiContext {
  instanceId: string;
  configuration: Configuration;
  catalogue: Catalogue;
  redis: RedisClient;
  keyspace: Keyspace;
  database: Database;
  keys: KeyCache;
  keyStore: KeyStore;
  budgets: Budgets;
  limiter: Limiter;
  circuits: Circuits;
  producer: QueueProducer;
  store: RequestStore;
  subscriber: ReplySubscriber;
  replyLog: ReplyLog;
  logger: Logger;
  metrics: ApiMetrics;
  /** Stops whatever works on a request; returns at once. */
  cancel: (spec: RequestSpec) => void;
  /** Null: no administration. */
  adminKey: string | null;
  replyShards: number;
  /** Set when the process has begun to shut down: nothing new is accepted. */
  isClosing: () => boolean;
}
