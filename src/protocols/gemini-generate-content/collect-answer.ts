// A whole answer out of the events of a stream: both ways of reading an answer are one.
import type { Answer, AnswerChoice, AnswerEvent, PartStart } from '../../contracts/answer.ts';
import type { Failure } from '../../contracts/failure.ts';
import type { Part } from '../../contracts/inference-request.ts';
import { defined } from './wire-values.ts';

/** The first error among the events, if there is one, in place of the answer. */
export function collectAnswer(events: readonly AnswerEvent[]): Answer | Failure {
  const answer: Answer = { id: '', model: '', choices: [], usage: null };
  for (const event of events) {
    if (event.kind === 'error') return event.failure;
    if (event.kind === 'answer-start') {
      const { id, model, createdAt } = event;
      Object.assign(answer, defined({ id, model, createdAt }));
    } else if (event.kind === 'usage') answer.usage = event.usage;
    else if (event.kind === 'service-tier') answer.serviceTier = event.serviceTier;
    else if ('choice' in event) collect(choiceOf(answer, event.choice), event);
  }
  answer.choices.sort((left, right) => left.index - right.index);
  return answer;
}

type ChoiceEvent = Extract<AnswerEvent, { choice: number }>;

function choiceOf(answer: Answer, index: number): AnswerChoice {
  const known = answer.choices.find((choice) => choice.index === index);
  if (known !== undefined) return known;
  const choice: AnswerChoice = { index, parts: [], finishReason: 'stop' };
  answer.choices.push(choice);
  return choice;
}

function collect(choice: AnswerChoice, event: ChoiceEvent): void {
  if (event.kind === 'finish') {
    choice.finishReason = event.reason;
    if (event.message !== undefined) choice.finishMessage = event.message;
    return;
  }
  if (event.kind === 'part-start') choice.parts[event.part] = emptyPart(event.start);
  if (event.kind === 'part-whole') choice.parts[event.part] = event.value;
  const part = choice.parts[event.part];
  if (part === undefined) return;
  if (event.kind === 'part-delta') {
    append(part, event.delta);
    if (event.logProbabilities !== undefined) {
      choice.logProbabilities = [...(choice.logProbabilities ?? []), ...event.logProbabilities];
    }
  }
  if (event.kind === 'part-citation' && part.kind === 'text')
    part.citations = [...(part.citations ?? []), event.citation];
  if (event.kind === 'part-end') Object.assign(part, defined({ signature: event.signature }));
}

function emptyPart(start: PartStart): Part {
  return start.kind === 'tool-call' ? { ...start, arguments: '' } : { ...start, text: '' };
}

function append(part: Part, delta: string): void {
  if (part.kind === 'tool-call') part.arguments += delta;
  else if ('text' in part) part.text += delta;
}
