// Names from OpenTelemetry's conventions, and Sluice's additions. The conventions for generative AI are in "development" and may
// change: names are of release 0.1.0 of their repository (semantic-conventions-genai, read on 2026-11-28), all others of 1.44.0.

export const GEN_AI_CONVENTIONS_VERSION = '0.1.0';

export const ATTRIBUTES = {
  operationName: 'gen_ai.operation.name',
  providerName: 'gen_ai.provider.name',
  requestModel: 'gen_ai.request.model',
  requestStream: 'gen_ai.request.stream',
  requestChoices: 'gen_ai.request.choice.count',
  inputMessages: 'gen_ai.input.messages',
  timeToFirstChunk: 'gen_ai.response.time_to_first_chunk',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  cacheReadTokens: 'gen_ai.usage.cache_read.input_tokens',
  cacheWriteTokens: 'gen_ai.usage.cache_write.input_tokens',
  reasoningTokens: 'gen_ai.usage.reasoning.output_tokens',
  tokenType: 'gen_ai.token.type',
  errorType: 'error.type',
  serverAddress: 'server.address',
  serverPort: 'server.port',
  httpMethod: 'http.request.method',
  httpRoute: 'http.route',
  httpStatus: 'http.response.status_code',
  serviceName: 'service.name',
  serviceVersion: 'service.version',
  serviceInstanceId: 'service.instance.id',
  processId: 'process.pid',
  hostName: 'host.name',
  // Sluice's own.
  requestId: 'sluice.request.id',
  provider: 'sluice.provider',
  deployment: 'sluice.deployment',
  credential: 'sluice.credential',
  lane: 'sluice.lane',
  attempt: 'sluice.attempt',
  step: 'sluice.route.step',
  next: 'sluice.next',
  outcome: 'sluice.outcome',
  limitScope: 'sluice.limit.scope',
  limitKind: 'sluice.limit.kind',
  costUsd: 'sluice.cost.usd',
  batchId: 'sluice.batch.id',
  batchLine: 'sluice.batch.line',
  batchLines: 'sluice.batch.lines',
} as const;

/**
 * Metrics recorded with the SDK; all others are Sluice's own (metric-table.ts). Release 0.1.0 calls the first two
 * `gen_ai.client.inference.…`; dashboards know them as `gen_ai.client.operation.…`, from 1.37 to 1.44: both are sent.
 */
export const GEN_AI_METRICS = {
  duration: ['gen_ai.client.inference.duration', 'gen_ai.client.operation.duration'],
  timeToFirstChunk: ['gen_ai.client.inference.time_to_first_chunk', 'gen_ai.client.operation.time_to_first_chunk'],
  tokens: ['gen_ai.client.token.usage'],
} as const;

/** Seconds and tokens, as the conventions say. */
export const DURATION_BUCKETS = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];
export const TOKEN_BUCKETS = [
  1, 4, 16, 64, 256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
];

/** Provider names of the conventions, by the provider's id in the price package, or its name in the configuration. */
const PROVIDER_NAMES: Readonly<Record<string, string>> = {
  openai: 'openai',
  anthropic: 'anthropic',
  google: 'gcp.gemini',
  gemini: 'gcp.gemini',
  vertex: 'gcp.vertex_ai',
  azure: 'azure.ai.openai',
  aws: 'aws.bedrock',
  bedrock: 'aws.bedrock',
  mistral: 'mistral_ai',
  'x-ai': 'x_ai',
  xai: 'x_ai',
  deepseek: 'deepseek',
  groq: 'groq',
  perplexity: 'perplexity',
  cohere: 'cohere',
  moonshotai: 'moonshot_ai',
};

export function providerNameOf({ name, priceId }: { name: string; priceId: string }): string {
  return PROVIDER_NAMES[priceId] ?? PROVIDER_NAMES[name] ?? name;
}

/** @param protocol of the client. */
export function operationNameOf(protocol: string): string {
  if (protocol.includes('embeddings')) return 'embeddings';
  return protocol.startsWith('gemini') ? 'generate_content' : 'chat';
}
