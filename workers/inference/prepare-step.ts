// Prepares what the current step sends: the client's request, or, after a stream broke off that the client had seen, a request
// that continues it.
import type { Deployment } from '#src/config/catalogue.ts';
import { createFailure, type Failure, isFailure, mostUseful } from '#src/contracts/failure.ts';
import type { RequestSpec } from '#src/contracts/request-record.ts';
import { type PreparedCall, prepareCall } from '#src/protocols/call/prepare-call.ts';
import { prepareRescue } from '#src/protocols/call/prepare-rescue.ts';
import type { ProtocolRoute } from '#src/protocols/registry.ts';
import { readAnswer } from '#src/reply/reply-log.ts';
import { brokerMembers, OPENING_EVENTS } from '#src/responses/describe-response.ts';
import { markTranslation } from '#src/responses/mark-response.ts';
import type { Delivery, InferenceContext } from './delivery.ts';
import type { CureSubject } from './known-cures.ts';

/** Re-reading a longer beginning would cost more than its rest is worth. */
const MAX_RESCUED_BYTES = 8 * 1024 * 1024;

/** The call; or a failure after which another step may succeed; or null if the request can only be ended. */
export async function prepareStep(
  context: InferenceContext,
  delivery: Delivery,
  deployment: Deployment,
  route: ProtocolRoute,
): Promise<PreparedCall | Failure | null> {
  const { spec, step, body, writer } = delivery;
  const { dialect } = deployment.provider;
  for (const cure of context.knownCures.recall(cureSubject(delivery, route))) delivery.cures.add(cure);
  const { isStream, requestId, acceptedAtMs, forwardedHeaders } = spec;
  const { upstreamModel } = step;
  const { cures } = delivery;
  const input = { body, upstreamModel, isStream, requestId, acceptedAtMs, forwardedHeaders, cures };
  // Sluice sends the opening events of background streams itself; a resumed stream already has its numbers.
  const firstNumber = spec.response?.isBackground === true ? OPENING_EVENTS.length : null;
  if (!writer.hasAnswered) return markCall(spec, prepareCall(route, dialect, input), firstNumber);
  await writer.settled();
  const answer = await readAnswer(context.replyLog, spec.requestId, MAX_RESCUED_BYTES).catch(() => null);
  if (answer === null || answer.isOver) return null;
  const call = prepareRescue(route, dialect, {
    ...spec,
    ...input,
    delivered: answer.bytes,
    attempts: delivery.progress.calls + 1,
    avoidsPrefill: delivery.avoidsPrefill,
  });
  delivery.prefillTokens = call !== null && 'mode' in call ? call.prefillTokens : 0;
  return call === null ? null : markCall(spec, call, null);
}

/** The key under which cures for such requests to this provider's model are remembered. */
export function cureSubject({ step, body }: Delivery, { client, upstream }: ProtocolRoute): CureSubject {
  return { step, body, client: client.name, upstream: upstream.name };
}

/** An answer that can be retrieved later carries the id to retrieve it by. */
function markCall(spec: RequestSpec, call: PreparedCall | Failure, firstNumber: number | null): PreparedCall | Failure {
  if (spec.response === undefined || isFailure(call)) return call;
  const mark = {
    members: brokerMembers(spec),
    firstNumber,
    nowSeconds: () => Math.floor(Date.now() / 1_000),
  };
  return { ...call, translation: markTranslation(call.translation, mark) };
}

/** Whether a broken stream might be resumed; only its bytes can tell for certain. */
export function mayBeRescued({ spec, client }: Pick<Delivery, 'spec' | 'client'>): boolean {
  return spec.isStream && spec.choices === 1 && client.codec?.resumeEncoder !== undefined;
}

/** Why a started stream cannot be finished: what broke it, as far as is known. */
export function brokenOff({ progress }: Delivery): Failure {
  if (progress.failures.length > 0) return mostUseful(progress.failures);
  return createFailure('stream_interrupted', 'The worker that streamed this response died.');
}
