// Folds the events of a stream into the answer, and checks them against the rules of src/contracts/answer.ts.
import { expect } from 'vitest';
import type { Answer, AnswerChoice, AnswerEvent, PartStart } from '#src/contracts/answer.ts';
import type { Failure } from '#src/contracts/failure.ts';
import type { Citation, Part } from '#src/contracts/inference-request.ts';

export interface CollectedAnswer extends Answer {
  failure: Failure | null;
  /** The provider marked this as the end. */
  isEnded: boolean;
}

interface OpenPart {
  start: PartStart;
  text: string;
  citations: Citation[];
}

interface Choice {
  answer: AnswerChoice;
  open: OpenPart | null;
  isFinished: boolean;
}

type ChoiceEvent = Extract<AnswerEvent, { choice: number }>;

export function collectAnswer(events: readonly AnswerEvent[]): CollectedAnswer {
  const collected: CollectedAnswer = { id: '', model: '', choices: [], usage: null, failure: null, isEnded: false };
  const choices = new Map<number, Choice>();
  for (const [place, event] of events.entries()) {
    expect(collected.isEnded, `${event.kind} after the end`).toBe(false);
    if ('choice' in event) addToChoice(choiceOf(choices, event.choice), event);
    else addToAnswer(collected, event, place);
  }
  const inOrder = [...choices.values()].map(({ answer }) => answer).sort((one, other) => one.index - other.index);
  return { ...collected, choices: inOrder };
}

function addToAnswer(collected: CollectedAnswer, event: Exclude<AnswerEvent, ChoiceEvent>, place: number): void {
  switch (event.kind) {
    case 'answer-start': {
      expect(place, 'the start stands first').toBe(0);
      const { kind: _kind, ...identity } = event;
      Object.assign(collected, identity);
      return;
    }
    case 'usage':
      collected.usage = event.usage;
      return;
    case 'service-tier':
      collected.serviceTier = event.serviceTier;
      return;
    case 'end':
      collected.isEnded = true;
      return;
    case 'error':
      collected.failure = event.failure;
      return;
    case 'ping':
      return;
  }
}

function choiceOf(choices: Map<number, Choice>, index: number): Choice {
  const known = choices.get(index);
  if (known !== undefined) return known;
  const created: Choice = { answer: { index, parts: [], finishReason: 'stop' }, open: null, isFinished: false };
  choices.set(index, created);
  return created;
}

function addToChoice(choice: Choice, event: ChoiceEvent): void {
  expect(choice.isFinished, `${event.kind} after the finish`).toBe(false);
  const { answer } = choice;
  if (event.kind === 'finish') {
    expect(choice.open, 'a part is open at the finish').toBeNull();
    choice.isFinished = true;
    answer.finishReason = event.reason;
    if (event.stopSequence !== undefined) answer.stopSequence = event.stopSequence;
    return;
  }
  expect(event.part, `number of ${event.kind}`).toBe(answer.parts.length);
  if (event.kind === 'part-start' || event.kind === 'part-whole') expect(choice.open, 'parts overlap').toBeNull();
  else expect(choice.open, `${event.kind} outside a part`).not.toBeNull();
  addToPart(choice, event);
}

function addToPart(choice: Choice, event: Exclude<ChoiceEvent, { kind: 'finish' }>): void {
  switch (event.kind) {
    case 'part-start':
      choice.open = { start: event.start, text: '', citations: [] };
      return;
    case 'part-delta':
      choice.open!.text += event.delta;
      if (event.logProbabilities !== undefined) {
        choice.answer.logProbabilities = [...(choice.answer.logProbabilities ?? []), ...event.logProbabilities];
      }
      return;
    case 'part-citation':
      choice.open!.citations.push(event.citation);
      return;
    case 'part-end':
      choice.answer.parts.push(partOf(choice.open!, event));
      choice.open = null;
      return;
    case 'part-whole':
      choice.answer.parts.push(event.value);
      return;
  }
}

function partOf({ start, text, citations }: OpenPart, end: Extract<AnswerEvent, { kind: 'part-end' }>): Part {
  const signed = end.signature === undefined ? {} : { signature: end.signature };
  switch (start.kind) {
    case 'tool-call':
      return { ...start, arguments: text, ...signed };
    case 'text':
      return { ...start, text, ...(citations.length > 0 ? { citations } : {}), ...signed };
    case 'reasoning':
      return { ...start, text, ...signed, ...(end.isRedacted === true ? { isRedacted: true } : {}) };
    case 'refusal':
      return { ...start, text };
  }
}
