// Headers that say how an answer came about.
import type { PreparedCall } from '#src/protocols/prepare-call.ts';
import type { Delivery } from './delivery.ts';

export function answerHeaders(
  { spec, step, progress }: Delivery,
  { dropped }: PreparedCall,
  startedAtMs: number,
): Record<string, string> {
  return {
    'x-sluice-provider': step.provider,
    'x-sluice-model': headerSafe(step.upstreamModel),
    'x-sluice-attempts': String(progress.calls),
    'x-sluice-queue-ms': String(Math.max(0, startedAtMs - spec.acceptedAtMs)),
    ...(dropped.length === 0 ? {} : { 'x-sluice-dropped': dropped.map(headerSafe).join(', ') }),
  };
}

/** Names come from clients' bodies; a header takes visible ASCII only. */
function headerSafe(name: string): string {
  return name.replace(/[^\x21-\x2b\x2d-\x7e]/g, '?').slice(0, MAX_NAME_CHARS);
}

const MAX_NAME_CHARS = 100;
