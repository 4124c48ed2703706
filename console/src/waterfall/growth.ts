// How the answer of a request that runs yet has grown: what each look at it found. Nobody else counts it: while no page of it is
// open, it costs nothing.
import { useRef } from 'preact/hooks';
import type { RequestDetail } from '../api/types.ts';
import { serverNow } from '../parts/clock.ts';
import type { Sample } from './layout.ts';

const MAX_SAMPLES = 600;

export function useSamples(request: RequestDetail): readonly Sample[] {
  const samples = useRef<Sample[]>([]);
  const seen = useRef<RequestDetail | null>(null);
  if (seen.current !== request) {
    seen.current = request;
    samples.current = withSample(samples.current, [serverNow(), request.frames]);
  }
  return samples.current;
}

/** A long answer keeps every second one: the curve stays what it is. */
export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  const kept = samples.length < MAX_SAMPLES ? samples : samples.filter((_, index) => index % 2 === 0);
  return [...kept, sample];
}
