// Folds the events of a stream into an answer, and checks them against the rules of src/contracts/answer.ts.
import { expect } from 'vitest';
import type { AnswerEvent, FinishReason, PartStart } from '#src/contracts/answer.ts';
import type { Citation, Part, Signature } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';

interface OpenPart {
  number: number;
  start: PartStart;
  text: string;
  citations: Citation[];
}

export interface Collected {
  parts: Part[];
  finishReason: FinishReason | null;
  usage: Usage | null;
  serviceTier: string | null;
}

/** Parts must be numbered from 0 and not overlap, nothing but an end may follow a finish. */
export function collect(events: readonly AnswerEvent[]): Collected {
  const collected: Collected = { parts: [], finishReason: null, usage: null, serviceTier: null };
  let open: OpenPart | null = null;
  for (const event of events) {
    switch (event.kind) {
      case 'part-start':
        expect(open).toBeNull();
        expect(event.part).toBe(collected.parts.length);
        open = { number: event.part, start: event.start, text: '', citations: [] };
        break;
      case 'part-delta':
        expect(event.part).toBe(open?.number);
        open!.text += event.delta;
        break;
      case 'part-citation':
        expect(event.part).toBe(open?.number);
        open!.citations.push(event.citation);
        break;
      case 'part-end':
        expect(event.part).toBe(open?.number);
        collected.parts.push(partOf(open!, event.signature));
        open = null;
        break;
      case 'part-whole':
        expect(open).toBeNull();
        expect(event.part).toBe(collected.parts.length);
        collected.parts.push(event.value);
        break;
      case 'usage':
        collected.usage = event.usage;
        break;
      case 'service-tier':
        collected.serviceTier = event.serviceTier;
        break;
      case 'finish':
        expect(open).toBeNull();
        collected.finishReason = event.reason;
        break;
    }
  }
  return collected;
}

function partOf({ start, text, citations }: OpenPart, signature: Signature | undefined): Part {
  const signed = signature === undefined ? {} : { signature };
  switch (start.kind) {
    case 'text':
      return { kind: 'text', text, ...(citations.length > 0 ? { citations } : {}), ...signed };
    case 'refusal':
      return { kind: 'refusal', text };
    case 'reasoning':
      return { ...start, text, ...signed };
    case 'tool-call':
      return { ...start, arguments: text, ...signed };
  }
}
