// A dead letter as the admin API shows it, without its body.
import { formatUsd } from '../../contracts/money.ts';
import type { Replay } from '../../dead-letters/dead-letter.ts';
import type { StoredLetter } from '../../dead-letters/dead-letter-store.ts';
import type { AttemptHistory } from '../../ledger/request-history.ts';
import { describeAttempt, describeTimeline } from './describe-request.ts';

export function summarizeDeadLetter({ spec, failure, ...letter }: StoredLetter) {
  return {
    id: spec.requestId,
    object: 'dead_letter',
    key_id: spec.keyId,
    model: spec.model,
    protocol: spec.protocol,
    lane: spec.lane,
    stream: spec.isStream,
    provider: letter.provider,
    error: {
      code: failure.code,
      message: failure.message,
      upstream_status: failure.upstreamStatus ?? null,
      upstream_code: failure.upstreamCode ?? null,
    },
    accepted_at: isoTime(spec.acceptedAtMs),
    failed_at: isoTime(letter.failedAtMs),
    attempts: letter.attempts,
    cost_usd: formatUsd(letter.costPicoUsd),
    body: letter.body.form,
    ...(letter.body.keyId === null ? {} : { body_key: letter.body.keyId }),
    replay_of: spec.replayOf ?? null,
    replays: letter.replays.map(describeReplay),
  };
}

export function describeDeadLetter(letter: StoredLetter, attempts: readonly AttemptHistory[]) {
  const { spec } = letter;
  return {
    ...summarizeDeadLetter(letter),
    deadline_at: isoTime(spec.deadlineAtMs),
    plan: spec.plan.steps.map(({ deployment, upstreamModel, model }) => ({ deployment, upstreamModel, model })),
    estimated_tokens: { input: spec.estimatedInputTokens, output: spec.estimatedOutputTokens },
    timeline: describeTimeline(spec.acceptedAtMs, letter.timeline, letter.failedAtMs),
    attempts: attempts.map(describeAttempt),
  };
}

export function describeReplay({ requestId, model, createdAtMs }: Replay) {
  return { request_id: requestId, model, created_at: isoTime(createdAtMs) };
}

function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}
