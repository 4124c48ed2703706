// A whole answer, identical to the end of a stream of it.
import type { Answer, AnswerChoice } from '#src/contracts/answer.ts';
import type { Part } from '#src/contracts/inference-request.ts';
import type { Usage } from '#src/contracts/usage.ts';
import type { EncodableEvent, EncodeContext, ShownCost } from '#src/protocols/codec.ts';
import { present } from '#src/protocols/wire/loose-json.ts';
import { ResponsesEncoder } from '../stream/answer-encoder.ts';

export function encodeResponsesAnswer(answer: Answer, usage: Usage, shown: ShownCost, context: EncodeContext): string {
  const encoder = new ResponsesEncoder(context);
  for (const event of eventsOf(answer)) encoder.encode(event);
  return encoder.finalResponse(usage, shown);
}

function eventsOf(answer: Answer): EncodableEvent[] {
  const { id, model, createdAt, serviceTier, choices } = answer;
  return [
    { kind: 'answer-start', id, model, ...(createdAt === undefined ? {} : { createdAt }) },
    ...(serviceTier === undefined ? [] : [{ kind: 'service-tier', serviceTier } as const]),
    ...choices.filter((choice) => choice.index === 0).flatMap(eventsOfChoice),
  ];
}

function eventsOfChoice(choice: AnswerChoice): EncodableEvent[] {
  // The provider gives one list for the whole answer; most answers have one text.
  const firstText = choice.parts.find((part) => part.kind === 'text');
  const events = choice.parts.flatMap((part, index) => {
    const logProbabilities = part === firstText ? choice.logProbabilities : undefined;
    return eventsOfPart(part, { choice: choice.index, part: index }, logProbabilities);
  });
  return [
    ...events,
    {
      kind: 'finish',
      choice: choice.index,
      reason: choice.finishReason,
      ...present({ message: choice.finishMessage }),
    },
  ];
}

function eventsOfPart(
  part: Part,
  at: { choice: number; part: number },
  logProbabilities: AnswerChoice['logProbabilities'],
): EncodableEvent[] {
  const end = {
    kind: 'part-end',
    ...at,
    ...('signature' in part && part.signature ? { signature: part.signature } : {}),
  } as const;
  switch (part.kind) {
    case 'text':
      return [
        { kind: 'part-start', ...at, start: { kind: 'text' } },
        { kind: 'part-delta', ...at, delta: part.text, ...(logProbabilities ? { logProbabilities } : {}) },
        ...(part.citations ?? []).map((citation) => ({ kind: 'part-citation', ...at, citation }) as const),
        end,
      ];
    case 'refusal':
      return [
        { kind: 'part-start', ...at, start: { kind: 'refusal' } },
        { kind: 'part-delta', ...at, delta: part.text },
        end,
      ];
    case 'reasoning':
      return [
        { kind: 'part-start', ...at, start: { kind: 'reasoning', ...(part.id === undefined ? {} : { id: part.id }) } },
        { kind: 'part-delta', ...at, delta: part.text },
        { ...end, ...(part.isRedacted === undefined ? {} : { isRedacted: part.isRedacted }) },
      ];
    case 'tool-call': {
      const { arguments: _, signature: _signature, cacheBreakpoint: _breakpoint, ...start } = part;
      return [{ kind: 'part-start', ...at, start }, { kind: 'part-delta', ...at, delta: part.arguments }, end];
    }
    default:
      return [{ kind: 'part-whole', ...at, value: part }];
  }
}
