// Prepares a call that was read, up to its admission: commands, context window, its answer, the limits.
import { totalTokens } from '../../../../src/contracts/usage.ts';
import type { Voice } from '../../dialects/dialect.ts';
import type { Answer } from '../answers/answer.ts';
import { composeAnswer } from '../answers/compose-answer.ts';
import { hashText } from '../answers/random.ts';
import type { Call } from '../call.ts';
import type { Engine } from '../engine.ts';
import { type PromptCommands, readPromptCommands } from '../faults/prompt-commands.ts';
import { isTicket } from '../limits/admission.ts';
import { invalid, RefusalError } from '../refusal.ts';
import type { Prompting } from '../scripts/script-book.ts';
import { AdmittedCall } from './admitted-call.ts';
import type { Arrival } from './arrival.ts';

/** Throws a RefusalError for calls refused before the limits are checked; answers all others. */
export function serveCall(arrival: Arrival, call: Call, voice: Voice): void {
  const { engine } = arrival;
  arrival.model = call.model;
  if (arrival.isBatch) engine.counts.batchLines += 1;
  else engine.counts.calls += 1;
  checkModel(engine, call);
  const commands = readCommands(engine, call);
  const roomTokens = roomFor(engine, call);
  const promptKey = hashText(call.promptText);
  const continuesPrefill = engine.behaviour.prefill === 'continue';
  const { seed, behaviour } = engine;
  const answer = composeAnswer({
    call,
    commands,
    promptKey,
    seed,
    tokens: behaviour.tokens,
    roomTokens,
    prompting: readScript(engine, call, commands),
    continuesPrefill,
  });
  // Batches have separate limits.
  const ticket = arrival.isBatch ? null : engine.admission.admit(expectedTokens(call, answer));
  if (ticket !== null && !isTicket(ticket)) {
    engine.counts.rateLimited += 1;
    return arrival.refuse(ticket);
  }
  const faults = engine.faults.strike(call, promptKey, commands.faults);
  new AdmittedCall({ arrival, call, voice, ticket, faults }).serve(answer, commands);
}

function checkModel({ behaviour }: Engine, { model, prefill }: Call): void {
  if (behaviour.models !== null && !behaviour.models.includes(model)) throw new RefusalError({ kind: 'model_missing' });
  if (prefill !== null && behaviour.prefill === 'refuse') {
    throw invalid('This model does not support assistant message prefill.', 'messages');
  }
}

/** A mistyped command is refused rather than ignored, so that a rehearsal cannot pass without its fault. */
function readCommands(engine: Engine, call: Call): PromptCommands {
  try {
    return readPromptCommands(call.lastUserText, engine.name);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(`Simulator command: ${error.message}`, 'messages');
    throw error;
  }
}

/** A session that departs from its script is refused, since an agent without instructions might continue on its own. */
function readScript(engine: Engine, call: Call, { scriptName }: PromptCommands): Prompting {
  try {
    return engine.scripts.prompt(call, scriptName);
  } catch (error) {
    if (error instanceof RangeError) throw invalid(`Simulator script: ${error.message}.`, 'messages');
    throw error;
  }
}

/** Tokens that the context window leaves for one choice. */
function roomFor({ behaviour }: Engine, call: Call): number {
  const promptTokens = call.windowTokens ?? call.promptTokens;
  const limit = behaviour.contextWindow;
  const outputTokens = reservedTokens(call) ?? 0;
  if (promptTokens + outputTokens <= limit && promptTokens < limit) return limit - promptTokens;
  throw new RefusalError({ kind: 'context_length', limit, promptTokens, outputTokens });
}

/** Tokens that count towards the limits until the answer has ended: the request's maximum, if it sets one. */
function expectedTokens(call: Call, answer: Answer): number {
  const reserved = reservedTokens(call);
  return reserved === null ? totalTokens(answer.usage) : call.promptTokens + reserved * call.choices;
}

function reservedTokens({ isOutputReserved, maxOutputTokens }: Call): number | null {
  return isOutputReserved === false ? null : maxOutputTokens;
}
