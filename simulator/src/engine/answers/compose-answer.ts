// Decides the answer to a call. Deterministic: the same call always gets the same answer from every simulator with the same
// seed. Synchronous and free of side effects.
import { NO_USAGE, type Usage } from '../../../../src/contracts/usage.ts';
import { BYTES_PER_TOKEN, tokensOfBytes } from '../../../../src/protocols/providers/token-estimate.ts';
import type { Call, Tool } from '../call.ts';
import { type PromptCommands, withoutCommands } from '../faults/prompt-commands.ts';
import type { Cue, Prompting } from '../scripts/script-book.ts';
import { type Answer, type AnswerChoice, type AnswerPart, billedBytes, type FinishReason } from './answer.ts';
import { createRandom, hashText } from './random.ts';
import { sampleJson } from './sample-json.ts';
import { sayTokens, takeBytes } from './tokens.ts';

export interface Composition {
  call: Call;
  commands: PromptCommands;
  /** Identifies the prompt; with model and seed it determines the text. */
  promptKey: number;
  seed: number;
  /** Tokens of an answer whose length is not requested. */
  tokens: number;
  /** Most tokens per choice that the context window leaves. */
  roomTokens: number;
  /** The script's turn for this call, if any. */
  prompting: Prompting;
  /** Whether the answer begins where the prefilled text ends. */
  continuesPrefill: boolean;
}

export function composeAnswer(composition: Composition): Answer {
  const { call, commands } = composition;
  const choices = Array.from({ length: call.choices }, (_, index) => composeChoice(composition, index));
  return { choices, usage: usageOf(choices, countInput(call, commands)) };
}

/** Cached tokens are set by a command, else by the request's marks. Marked tokens that are not read are written. */
function countInput({ promptTokens, cache }: Call, commands: PromptCommands): Usage {
  const cachedInputTokens = Math.min(promptTokens, commands.cachedTokens ?? cache?.readTokens ?? 0);
  const cacheWriteTokens = Math.max(0, Math.min(promptTokens, cache?.markedTokens ?? 0) - cachedInputTokens);
  return { ...NO_USAGE, inputTokens: promptTokens, cachedInputTokens, cacheWriteTokens };
}

/** The answer cut to this many tokens per choice, as by a content filter. */
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
  return tokensOfBytes(parts.reduce((bytes, part) => bytes + billedBytes(part), 0));
}

function composeChoice(composition: Composition, index: number): AnswerChoice {
  const { call, commands, promptKey, seed, prompting } = composition;
  const choiceSeed = hashText(`${call.model} ${promptKey} ${seed} ${call.seed ?? ''} ${index}`);
  const said = prompting.kind === 'cue' ? follow(prompting.cue, choiceSeed) : improvise(composition, choiceSeed);
  const hasThoughts = said.parts[0]?.kind === 'reasoning';
  const parts = [...(hasThoughts ? [] : reason(call, commands, choiceSeed + 1)), ...said.parts];
  const room = Math.min(composition.roomTokens, call.maxOutputTokens ?? Number.POSITIVE_INFINITY);
  return limitChoice({ ...said, parts }, room, 'length');
}

/** The script's turn, and nothing else. Thoughts are shown if the protocol can show them. */
function follow({ thoughts, text, calls }: Cue, seed: number): AnswerChoice {
  const parts: AnswerPart[] = [
    ...(thoughts === undefined ? [] : [{ kind: 'reasoning' as const, text: thoughts, isShown: true }]),
    ...(text === undefined ? [] : [{ kind: 'text' as const, text }]),
    ...calls.map(({ tool, input }, position) => callPart(tool, input, seed + position)),
  ];
  return { parts, finish: calls.length === 0 ? 'stop' : 'tool_calls' };
}

/** Under a script, no other tool is called, so that an agent never runs invented calls. */
function improvise(composition: Composition, seed: number): AnswerChoice {
  const { call, commands, prompting } = composition;
  const mayCall = prompting.kind === 'none' && commands.refusalTokens === undefined;
  const tools = mayCall ? chooseTools(call, commands.toolNames) : [];
  if (tools.length === 0) return speak(composition, seed);
  return { parts: tools.map((tool, position) => callTool(tool, seed + position)), finish: 'tool_calls' };
}

function reason(call: Call, commands: PromptCommands, seed: number): AnswerPart[] {
  const tokens = commands.reasoningTokens ?? call.reasoningTokens ?? 0;
  if (tokens === 0) return [];
  return [
    { kind: 'reasoning', text: sayTokens(tokens, seed), isShown: commands.showsReasoning ?? call.showsReasoning },
  ];
}

/** An answer in words, with or without an image, or in an image alone. */
function speak(composition: Composition, seed: number): AnswerChoice {
  const { image, stop } = composition.call;
  const { refusalTokens } = composition.commands;
  if (refusalTokens !== undefined) return refuse(refusalTokens, seed);
  const images: AnswerPart[] = image === undefined ? [] : [{ kind: 'image', ...image.file }];
  if (image?.isAlone) return { parts: images, finish: 'stop' };
  const { text, stoppedBy } = stopAt(writeText(composition, seed), stop);
  const parts = [{ kind: 'text' as const, text }, ...images];
  return { parts, finish: 'stop', ...(stoppedBy === null ? {} : { stoppedBy }) };
}

function refuse(tokens: number, seed: number): AnswerChoice {
  return { parts: [{ kind: 'text', text: sayTokens(tokens, seed), isRefusal: true }], finish: 'stop' };
}

function callTool(tool: Tool, seed: number): AnswerPart {
  const random = createRandom(seed);
  const input = tool.takesText
    ? sayTokens(4, seed)
    : JSON.stringify(sampleJson(tool.parameters ?? { type: 'object' }, random));
  return callPart(tool, input, seed);
}

function callPart({ name, takesText, namespace }: Tool, input: string, seed: number): AnswerPart {
  const group = namespace === undefined ? {} : { namespace };
  return { kind: 'tool_call', id: toolCallId(seed), name, input, takesText, ...group };
}

function toolCallId(seed: number): string {
  return hashText(`tool call ${seed}`).toString(36).padStart(12, '0');
}

function writeText({ call, commands, tokens, continuesPrefill }: Composition, seed: number): string {
  if (call.format.kind === 'schema') return JSON.stringify(sampleJson(call.format.schema, createRandom(seed)));
  if (call.format.kind === 'enum') return call.format.values[seed % call.format.values.length] ?? '';
  const text = echoOf(call.lastUserText) ?? sayTokens(commands.tokens ?? tokens, seed);
  if (call.format.kind === 'json') return JSON.stringify({ answer: text });
  return continuesPrefill && call.prefill !== null && text.startsWith(call.prefill)
    ? text.slice(call.prefill.length)
    : text;
}

const ECHO = /Reply with exactly:\s*([\s\S]*)$/i;

/** The text that the user asks to be echoed, or null. */
function echoOf(text: string): string | null {
  const wanted = ECHO.exec(text)?.[1];
  return wanted === undefined ? null : withoutCommands(wanted);
}

function stopAt(text: string, stop: readonly string[]): { text: string; stoppedBy: string | null } {
  let end = text.length;
  let stoppedBy: string | null = null;
  for (const sequence of stop) {
    const at = sequence === '' ? -1 : text.indexOf(sequence);
    if (at < 0 || at >= end) continue;
    end = at;
    stoppedBy = sequence;
  }
  return { text: text.slice(0, end), stoppedBy };
}

/** The choice cut to this many tokens; `finish` is the reason, if it is cut. A tool's name is never cut. */
function limitChoice(choice: AnswerChoice, tokens: number, finish: FinishReason): AnswerChoice {
  if (tokensOfParts(choice.parts) <= tokens) return choice;
  let room = tokens * BYTES_PER_TOKEN;
  const parts: AnswerPart[] = [];
  for (const part of choice.parts) {
    const kept = limitPart(part, room);
    if (kept === null) break;
    parts.push(kept);
    room -= billedBytes(part);
  }
  return { parts, finish };
}

function limitPart(part: AnswerPart, room: number): AnswerPart | null {
  if (room <= 0) return null;
  if (part.kind === 'image') return room < billedBytes(part) ? null : part;
  if (part.kind !== 'tool_call') return { ...part, text: takeBytes(part.text, room) };
  const inputRoom = room - Buffer.byteLength(part.name);
  return inputRoom < 0 ? null : { ...part, input: takeBytes(part.input, inputRoom) };
}

// Whether the simulator calls a tool, and which: if the request forces it, a command asks for it, or the user's text names it.

/** Shorter parts of a tool's name ("get", "a") occur in too many sentences. */
const LEAST_TELLING_LETTERS = 4;

/** The tools to call, in order; empty if the answer is text. */
export function chooseTools(call: Call, commanded: readonly string[] | undefined): readonly Tool[] {
  const allowed = allowedTools(call);
  // Tool results are answered with text, even if the request forces a tool or a command asks for one: the command is still
  // in the last user message, and an agent's loop would never end.
  if (call.endsWithToolResult) return [];
  if (commanded !== undefined) return commanded.flatMap((name) => allowed.find((tool) => tool.name === name) ?? []);
  const named = allowed.filter((tool) => isNamed(tool.name, call.lastUserText));
  const wanted = named.length === 0 && call.toolChoice.mode === 'required' ? allowed.slice(0, 1) : named;
  return call.isToolUseParallel ? wanted : wanted.slice(0, 1);
}

function allowedTools({ tools, toolChoice }: Call): readonly Tool[] {
  if (toolChoice.mode === 'none') return [];
  const { allowed } = toolChoice;
  return allowed === null ? tools : tools.filter((tool) => allowed.includes(tool.name));
}

/** "What is the weather in Paris?" names `get_weather`. */
function isNamed(toolName: string, text: string): boolean {
  const words = new Set(
    withoutCommands(text)
      .toLowerCase()
      .split(/[^\p{L}\p{N}]+/u),
  );
  const parts = toolName
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u);
  const isWhole = parts.every((part) => words.has(part));
  return isWhole || parts.some((part) => part.length >= LEAST_TELLING_LETTERS && words.has(part));
}
