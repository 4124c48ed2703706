// Symptom: a request that had been sent again in a corrected form failed with the refusal of the earlier form. Cause: the
// correction removed the last failure from the list, which was that of a hedge that had failed meanwhile. Fix: the corrected
// failure is removed.
import { expect, test } from 'vitest';
import { createFailure } from '#src/contracts/failure.ts';
import { Cancellation } from '#workers/inference/active-requests.ts';
import type { Delivery, InferenceContext } from '#workers/inference/delivery.ts';
import { type EndedCall, nextStep } from '#workers/inference/perform-attempt.ts';

const refused = createFailure('upstream_bad_request', 'Unsupported parameter: temperature.');
const broken = createFailure('upstream_server_error', 'The hedge failed.');

test.each([
  ['the hedge failed after the refusal', [refused, broken]],
  ['the hedge failed before it', [broken, refused]],
])('a correction is forgotten, whatever has failed since: %s', (_name, failures) => {
  const delivery = {
    writer: { hasAnswered: false },
    cancellation: new Cancellation(),
    cures: new Set(),
    prefillTokens: 0,
    progress: { failuresAtStep: 1, failures },
  } as unknown as Delivery;
  const ended = { credential: null, wasRotated: false, cure: 'adapt' } as unknown as EndedCall;
  expect(nextStep({} as InferenceContext, delivery, ended, refused)).toEqual({ kind: 'retry', waitMs: 0 });
  expect(delivery.progress).toMatchObject({ failuresAtStep: 0, failures: [broken] });
});
