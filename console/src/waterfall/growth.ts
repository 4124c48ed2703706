// The growth of a running request's answer, sampled at each refresh of its page. Costs nothing while no page shows it.
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

/** Beyond this every second sample is dropped, which keeps the curve's shape. */
export function withSample(samples: readonly Sample[], sample: Sample): Sample[] {
  const kept = samples.length < MAX_SAMPLES ? samples : samples.filter((_, index) => index % 2 === 0);
  return [...kept, sample];
}
