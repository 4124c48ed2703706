// Headers that describe how an answer was produced.
import type { PreparedCall } from '#src/protocols/call/prepare-call.ts';
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
    ...(dropped.length === 0 ? {} : { 'x-sluice-dropped': listDropped(dropped) }),
  };
}

/** Proxies refuse answers with more than 4 to 8 KiB of headers, and these names are chosen by the client. */
const MAX_DROPPED_CHARS = 1_000;
const MAX_NAME_CHARS = 100;

/** As many names as fit, and the number of the others. */
export function listDropped(names: readonly string[]): string {
  let list = '';
  for (const [index, name] of names.entries()) {
    const next = (index === 0 ? '' : ', ') + headerSafe(name);
    if (list.length + next.length > MAX_DROPPED_CHARS) return `${list}, and ${names.length - index} more`;
    list += next;
  }
  return list;
}

/** Names come from clients' bodies; a header may contain visible ASCII only. */
function headerSafe(name: string): string {
  return name.replace(/[^\x21-\x2b\x2d-\x7e]/g, '?').slice(0, MAX_NAME_CHARS);
}
