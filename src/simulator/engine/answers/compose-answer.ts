// Decides what is said to a call: the same call gets the same answer every time, from every simulator with the same
// seed. Takes no time and asks nobody.
import { NO_USAGE, type Usage } from '../../../contracts/usage.ts';
import { BYTES_PER_TOKEN, tokensOfBytes } from '../../../protocols/token-estimate.ts';
import type { Call, Tool } from '../call.ts';
import { type PromptCommands, withoutCommands } from '../faults/prompt-commands.ts';
import { type Answer, type AnswerChoice, type AnswerPart, billedText, type FinishReason } from './answer.ts';
import { chooseTools } from './choose-tools.ts';
import { createRandom, hashText } from './random.ts';
import { sampleJson } from './sample-json.ts';
import { sayTokens, takeBytes } from './tokens.ts';

export interface Composition {
  call: Call;
  commands: PromptCommands;
  /** Identifies the prompt; with model and seed it decides the words. */
  promptKey: number;
  seed: number;
  /** Tokens of an answer that nobody has asked a length for. */
  tokens: number;
  /** Most tokens per choice that the context window leaves. */
  roomTokens: number;
  /** Begins where the prefilled text ends. */
  continuesPrefill: boolean;
}

export function composeAnswer(composition: Composition): Answer {
  const { call, commands } = composition;
  const choices = Array.from({ length: call.choices }, (_, index) => composeChoice(composition, index));
  const cachedInputTokens = Math.min(call.promptTokens, commands.cachedTokens ?? 0);
  return { choices, usage: usageOf(choices, { ...NO_USAGE, inputTokens: call.promptTokens, cachedInputTokens }) };
}

/** The answer up to so many tokens of each choice, as a content filter would leave it. */
export function filterAnswer(answer: Answer, tokens: number): Answer {
  const choices = answer.choices.map((choice) => ({
    parts: limitChoice(choice, tokens, 'content_filter').parts,
    finish: 'content_filter' as const,
  }));
  return { choices, usage: usageOf(choices, answer.usage) };
}

function usageOf(choices: readonly AnswerChoice[], input: Usage): Usage {
  const reasoning = (parts: readonly AnswerPart[]) => parts.filter((part) => part.kind === 'reasoning');
  return {
    ...input,
    outputTokens: choices.reduce((sum, { parts }) => sum + tokensOfParts(parts), 0),
    reasoningTokens: choices.reduce((sum, { parts }) => sum + tokensOfParts(reasoning(parts)), 0),
  };
}

function tokensOfParts(parts: readonly AnswerPart[]): number {
  return tokensOfBytes(parts.reduce((bytes, part) => bytes + Buffer.byteLength(billedText(part)), 0));
}

function composeChoice(composition: Composition, index: number): AnswerChoice {
  const { call, commands, promptKey, seed } = composition;
  const choiceSeed = hashText(`${call.model} ${promptKey} ${seed} ${call.seed ?? ''} ${index}`);
  const tools = chooseTools(call, commands.toolNames);
  const said = tools.map((tool, position) => callTool(tool, choiceSeed + position));
  if (said.length === 0) said.push({ kind: 'text', text: stopAt(writeText(composition, choiceSeed), call.stop) });
  const parts = [...reason(call, commands, choiceSeed + 1), ...said];
  const room = Math.min(composition.roomTokens, call.maxOutputTokens ?? Number.POSITIVE_INFINITY);
  return limitChoice({ parts, finish: tools.length > 0 ? 'tool_calls' : 'stop' }, room, 'length');
}

function reason(call: Call, { reasoningTokens, showsReasoning }: PromptCommands, seed: number): AnswerPart[] {
  if (reasoningTokens === undefined) return [];
  const isShown = showsReasoning ?? call.showsReasoning;
  return [{ kind: 'reasoning', text: sayTokens(reasoningTokens, seed), isShown }];
}

function callTool(tool: Tool, seed: number): AnswerPart {
  const random = createRandom(seed);
  const input = tool.takesText
    ? sayTokens(4, seed)
    : JSON.stringify(sampleJson(tool.parameters ?? { type: 'object' }, random));
  return { kind: 'tool_call', id: toolCallId(seed), name: tool.name, input, takesText: tool.takesText };
}

function toolCallId(seed: number): string {
  return hashText(`tool call ${seed}`).toString(36).padStart(12, '0');
}

function writeText({ call, commands, tokens, continuesPrefill }: Composition, seed: number): string {
  if (call.format.kind === 'schema') return JSON.stringify(sampleJson(call.format.schema, createRandom(seed)));
  const text = echoOf(call.lastUserText) ?? sayTokens(commands.tokens ?? tokens, seed);
  if (call.format.kind === 'json') return JSON.stringify({ answer: text });
  return continuesPrefill && call.prefill !== null && text.startsWith(call.prefill)
    ? text.slice(call.prefill.length)
    : text;
}

const ECHO = /Reply with exactly:\s*([\s\S]*)$/i;

/** What the person wants to hear back, word for word, or null. */
function echoOf(text: string): string | null {
  const wanted = ECHO.exec(text)?.[1];
  return wanted === undefined ? null : withoutCommands(wanted);
}

function stopAt(text: string, stop: readonly string[]): string {
  const positions = stop.map((sequence) => (sequence === '' ? -1 : text.indexOf(sequence))).filter((at) => at >= 0);
  return positions.length === 0 ? text : text.slice(0, Math.min(...positions));
}

/** The choice up to so many tokens; `finish` is why it ends there, if it does. A tool's name is never cut. */
function limitChoice(choice: AnswerChoice, tokens: number, finish: FinishReason): AnswerChoice {
  if (tokensOfParts(choice.parts) <= tokens) return choice;
  let room = tokens * BYTES_PER_TOKEN;
  const parts: AnswerPart[] = [];
  for (const part of choice.parts) {
    const kept = limitPart(part, room);
    if (kept === null) break;
    parts.push(kept);
    room -= Buffer.byteLength(billedText(part));
  }
  return { parts, finish };
}

function limitPart(part: AnswerPart, room: number): AnswerPart | null {
  if (room <= 0) return null;
  if (part.kind !== 'tool_call') return { ...part, text: takeBytes(part.text, room) };
  const inputRoom = room - Buffer.byteLength(part.name);
  return inputRoom < 0 ? null : { ...part, input: takeBytes(part.input, inputRoom) };
}
