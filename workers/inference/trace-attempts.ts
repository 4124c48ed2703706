// The worker's part of a request's trace: its waits, each call to a provider, and the closing of its books. Waits are taken from
// the request's timeline, so that a trace includes those in other workers.
import type { Deployment } from '#src/config/catalogue.ts';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import { PICO_PER_USD } from '#src/contracts/money.ts';
import { type TimedPart, waitsBeforeEnd } from '#src/contracts/timeline.ts';
import type { UpstreamRequest } from '#src/protocols/call/prepare-call.ts';
import { ATTRIBUTES, operationNameOf, providerNameOf } from '#src/telemetry/semantic-conventions.ts';
import type { Attributes, OpenSpan, Tracing } from '#src/telemetry/tracing.ts';
import type { Delivery, InferenceContext } from './delivery.ts';

type Traced = Pick<Delivery, 'spec' | 'step' | 'job' | 'body' | 'writer' | 'progress'>;

export interface AttemptTrace {
  span: OpenSpan;
  tracing: Tracing;
  attributes: Attributes;
  /** The request to the provider, with a `traceparent` if configured. */
  upstream(request: UpstreamRequest): UpstreamRequest;
}

/** Counts and traces the waits since the last call: called when a call, or the request, has ended. */
export function noteWaits(
  { metrics, tracing }: Pick<InferenceContext, 'metrics' | 'tracing'>,
  delivery: Pick<Delivery, 'spec' | 'progress'>,
): void {
  const { spec, progress } = delivery;
  if (tracing === null && !progress.timeline.some(({ kind }) => kind === 'limit')) return;
  const waits = waitsBeforeEnd(progress.timeline, spec.acceptedAtMs);
  if (tracing !== null) traceWaits(tracing, delivery, waits);
  const permitWaits = waits.filter(({ kind }) => kind === 'limit');
  if (permitWaits.length > 0) metrics.permitWaits(permitWaits);
}

/** Waits shorter than a millisecond are left out. */
function traceWaits(tracing: Tracing, { spec }: Pick<Delivery, 'spec'>, waits: readonly TimedPart[]): void {
  if (spec.trace === undefined) return;
  for (const { kind, untilMs, durationMs, provider, reason } of waits) {
    if (kind === 'other' || kind === 'skip' || durationMs < 1) continue;
    const attributes = { [ATTRIBUTES.provider]: provider, ...reasonOf(kind, reason) };
    tracing.record(kind === 'limit' ? 'permit' : kind, {
      parent: spec.trace,
      startMs: untilMs - durationMs,
      endMs: untilMs,
      attributes,
    });
  }
}

/** Key ids are kept out of traces: the scope is only reported as `key`. */
function reasonOf(kind: TimedPart['kind'], reason: string | undefined): Attributes {
  if (kind !== 'limit' || reason === undefined) return {};
  const space = reason.lastIndexOf(' ');
  const scope = reason.slice(0, space);
  return {
    [ATTRIBUTES.limitScope]: scope.startsWith('key:') ? 'key' : scope,
    [ATTRIBUTES.limitKind]: reason.slice(space + 1),
  };
}

/** Null for a request without a trace. */
export function traceAttempt(tracing: Tracing | null, delivery: Traced, deployment: Deployment): AttemptTrace | null {
  const { spec, step, job, body, writer } = delivery;
  if (tracing === null || spec.trace === undefined) return null;
  tracePermit(tracing, delivery);
  const { provider } = deployment;
  const operation = operationNameOf(spec.protocol);
  const attributes = { ...callAttributes(operation, deployment), [ATTRIBUTES.requestModel]: step.upstreamModel };
  const span = tracing.start(`${operation} ${step.upstreamModel}`, {
    kind: 'client',
    parent: spec.trace,
    attributes: {
      ...attributes,
      [ATTRIBUTES.requestStream]: spec.isStream,
      ...(spec.choices > 1 && { [ATTRIBUTES.requestChoices]: spec.choices }),
      [ATTRIBUTES.requestId]: spec.requestId,
      [ATTRIBUTES.provider]: provider.name,
      [ATTRIBUTES.deployment]: deployment.id,
      [ATTRIBUTES.attempt]: writer.attempt,
      [ATTRIBUTES.step]: job.step,
      ...(tracing.capturesMessages && { [ATTRIBUTES.inputMessages]: capturedMessages(body) }),
    },
  });
  const header = provider.sendsTraceparent ? { traceparent: span.context.parent } : {};
  return {
    span,
    tracing,
    attributes,
    upstream: (request) => ({ ...request, headers: { ...request.headers, ...header } }),
  };
}

/** Traces a permit granted without a wait, which is not in the timeline; waits are (traceWaits). */
function tracePermit(tracing: Tracing, { spec, progress }: Traced): void {
  const last = progress.timeline.at(-1);
  if (last === undefined || last.kind === 'limit') return;
  tracing.record('permit', { parent: spec.trace, startMs: last.untilMs, endMs: Date.now() });
}

function callAttributes(operation: string, { provider }: Deployment): Attributes {
  const { hostname, port, protocol } = new URL(provider.baseUrl);
  return {
    [ATTRIBUTES.operationName]: operation,
    [ATTRIBUTES.providerName]: providerNameOf(provider),
    [ATTRIBUTES.serverAddress]: hostname,
    [ATTRIBUTES.serverPort]: Number(port) || (protocol === 'https:' ? 443 : 80),
  };
}

/** @param next what follows: answered, retry, fallback, … */
export function endAttempt(
  trace: AttemptTrace | null,
  entry: LedgerEntry,
  firstTokenMs: number | null,
  next: string,
): void {
  if (trace === null) return;
  const { span, tracing, attributes } = trace;
  const endedAtMs = entry.startedAtMs + entry.durationMs;
  const error = entry.outcome === 'ok' ? undefined : entry.outcome;
  const firstChunkMs = entry.isStream ? (firstTokenMs ?? entry.firstByteMs) : null;
  span.end({
    error,
    atMs: endedAtMs,
    attributes: {
      [ATTRIBUTES.inputTokens]: entry.inputTokens,
      [ATTRIBUTES.outputTokens]: entry.outputTokens,
      ...(entry.cachedInputTokens > 0 && { [ATTRIBUTES.cacheReadTokens]: entry.cachedInputTokens }),
      ...(entry.cacheWriteTokens > 0 && { [ATTRIBUTES.cacheWriteTokens]: entry.cacheWriteTokens }),
      ...(entry.reasoningTokens > 0 && { [ATTRIBUTES.reasoningTokens]: entry.reasoningTokens }),
      ...(firstChunkMs !== null && { [ATTRIBUTES.timeToFirstChunk]: firstChunkMs / 1_000 }),
      [ATTRIBUTES.costUsd]: Number(entry.costPicoUsd) / Number(PICO_PER_USD),
      [ATTRIBUTES.next]: next,
    },
  });
  tracing.record('settle', { parent: span.context, startMs: endedAtMs, endMs: Date.now() });
  const { durationMs, inputTokens, outputTokens } = entry;
  const failed = error === undefined ? {} : { [ATTRIBUTES.errorType]: error };
  tracing.measure({ durationMs, firstChunkMs, inputTokens, outputTokens, attributes: { ...attributes, ...failed } });
}

/** Limit of captured messages. */
const MAX_CHARACTERS = 32_768;

interface Part {
  type: string;
  content?: string;
}

interface Message {
  role: string;
  parts: Part[];
}

/**
 * The messages of a request as JSON in the form of the GenAI conventions; only if the operator has enabled it (tracing.ts). The
 * latest messages that fit; an empty list for a body without messages. Texts only: images, files, tool calls and their results
 * appear by type, without content.
 */
export function capturedMessages(body: Buffer): string {
  const said = messagesOf(parse(body));
  const shown: string[] = [];
  let room = MAX_CHARACTERS;
  for (const message of said.reverse()) {
    const text = JSON.stringify(message);
    room -= text.length + 1;
    if (room < 0) break;
    shown.unshift(text);
  }
  return `[${shown.join(',')}]`;
}

function parse(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/** `messages` (OpenAI, Anthropic), `input` (Responses, embeddings), `contents` (Gemini). */
function messagesOf({ messages, input, contents }: Record<string, unknown>): Message[] {
  const list = messages ?? input ?? contents;
  if (typeof list === 'string') return [{ role: 'user', parts: partsOf(list) }];
  if (!Array.isArray(list)) return [];
  return list.map((item: unknown) => {
    if (typeof item === 'string') return { role: 'user', parts: partsOf(item) };
    const { role, content, parts } = (item ?? {}) as Record<string, unknown>;
    return { role: typeof role === 'string' ? role : 'user', parts: partsOf(content ?? parts) };
  });
}

function partsOf(content: unknown): Part[] {
  if (typeof content === 'string') return [{ type: 'text', content }];
  if (!Array.isArray(content)) return [];
  return content.map((part: unknown) => {
    const { type, text } = (part ?? {}) as Record<string, unknown>;
    if (typeof text === 'string') return { type: 'text', content: text };
    return { type: typeof type === 'string' ? type : 'other' };
  });
}
