// Reads a Responses request. As strict as the provider only where a broker could make mistakes.

import {
  BYTES_PER_TOKEN,
  TOKENS_PER_IMAGE,
  TOKENS_PER_MESSAGE,
  tokensOfBytes,
} from '../../../../src/protocols/providers/token-estimate.ts';
import { type AnswerFormat, type Call, describeTurn } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import type { Provider, RequestHead, SpeechOptions, StreamVoice, Voice } from '../dialect.ts';
import { checkModel, estimateJson, missing, readBody, readStreamOptions, unsupported } from '../openai/read-body.ts';
import { serverError } from '../openai/server-error.ts';
import { readToolName } from '../openai/tool-names.ts';
import { type Body, readBoolean, readObject, readWholeNumber } from '../read-fields.ts';
import { echoRequest } from './echo-request.ts';
import type { ContentPart, InputItem } from './input-items.ts';
import { outputItems, writeItem } from './output-items.ts';
import { checkItems, readInput } from './read-input.ts';
import { readReasoning } from './read-reasoning.ts';
import { readToolChoice, readTools } from './read-tools.ts';
import { refuseParameters } from './refuse-parameters.ts';
import { FAILED, finishedState, writeResponse, writeUsage } from './response-object.ts';
import type { ResponsesRequest } from './responses-request.ts';
import { ResponsesStreamVoice } from './responses-stream.ts';

/** The live API's lower bound for `max_output_tokens` (seen 2025-11). */
const LEAST_OUTPUT_TOKENS = 16;

export function readResponsesCall(
  value: unknown,
  _: RequestHead,
  provider: Provider,
): { call: Call; voice: ResponsesVoice } {
  const body = readBody(value);
  if (body.model === undefined || body.model === null) throw missing('model');
  const model = checkModel(body.model);
  const { items, instructions, promptTokens } = readPrompt(body, provider);
  const isStream = readBoolean(body, 'stream') ?? false;
  const padsDeltas = readPadding(body, isStream);
  const tools = readTools(body);
  const { effort, ...reasoning } = readReasoning(body, model);
  const call: Call = {
    model,
    isStream,
    promptTokens,
    ...readConversation(items, instructions),
    maxOutputTokens: readWholeNumber(body, 'max_output_tokens', LEAST_OUTPUT_TOKENS, Number.MAX_SAFE_INTEGER),
    choices: 1,
    stop: [],
    seed: null,
    tools,
    toolChoice: readToolChoice(body, tools),
    isToolUseParallel: readBoolean(body, 'parallel_tool_calls') ?? true,
    format: readFormat(body),
    ...reasoning,
  };
  const voice = new ResponsesVoice({ echo: echoRequest(body, model, effort), providerName: provider.name, padsDeltas });
  return { call, voice };
}

export interface Prompt {
  items: readonly InputItem[];
  instructions: string | null;
  promptTokens: number;
}

/** The part that requests for answers and for token counts share. */
export function readPrompt(body: Body, provider: Provider): Prompt {
  refuseParameters(body);
  const instructions = readInstructions(body);
  const items = readInput(body);
  if (items.length === 0 && instructions === null) {
    const message = "One of 'input' or 'previous_response_id' or 'prompt' or 'conversation' must be provided.";
    throw invalid(message, 'input', 'missing_required_parameter');
  }
  checkItems(items, provider.name);
  const promptTokens = estimateInput(items, instructions) + estimateJson(body.tools);
  return { items, instructions, promptTokens };
}

function readInstructions({ instructions }: Body): string | null {
  if (instructions === undefined || instructions === null) return null;
  if (typeof instructions === 'string') return instructions;
  throw invalid("Invalid type for 'instructions': expected a string.", 'instructions', 'invalid_type');
}

/** `stream_options` controls padding; usage is always sent. Unlike the live API, the simulator pads only on request. */
function readPadding(body: Body, isStream: boolean): boolean {
  const { include_obfuscation: padding, ...others } = readStreamOptions(body, isStream);
  const [unknown] = Object.keys(others);
  if (unknown === undefined) return padding === true;
  const param = `stream_options.${unknown}`;
  throw invalid(`Unknown parameter: '${param}'.`, param, 'unknown_parameter');
}

// `text.format`: what form the answer is to have. Flat, where Chat's `response_format` is nested.

const FORMATS = ['json_object', 'json_schema', 'text'];
const MOST_NAME_CHARACTERS = 64;

export function readFormat({ text }: Body): AnswerFormat {
  if (text === undefined || text === null) return { kind: 'text' };
  const { format } = readObject(text, 'text');
  if (format === undefined || format === null) return { kind: 'text' };
  const { type, name, schema } = readObject(format, 'text.format');
  switch (type) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      readToolName(name, 'text.format.name', MOST_NAME_CHARACTERS);
      if (schema === undefined) throw missing('text.format.schema');
      return { kind: 'schema', schema: readObject(schema, 'text.format.schema') };
    default:
      throw unsupported(type, 'text.format.type', FORMATS);
  }
}

// Tokens of a Responses request, by the broker's rule for chat messages (protocols/openai-chat/read-request.ts): every item
// is a message, except reasoning, which is not counted.

export function estimateInput(items: readonly InputItem[], instructions: string | null): number {
  const said = items.filter(({ kind }) => kind !== 'reasoning' && kind !== 'other');
  const parts = said.flatMap((item) => ('parts' in item ? item.parts : []));
  const messages = 1 + said.length + (instructions === null ? 0 : 1);
  const images = parts.filter(isImage).length;
  const bytes = [instructions ?? '', ...said.map(callText)].reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const partBytes = parts.reduce((sum, part) => sum + bytesOf(part), 0);
  return messages * TOKENS_PER_MESSAGE + images * TOKENS_PER_IMAGE + tokensOfBytes(bytes + partBytes);
}

function callText(item: InputItem): string {
  return item.kind === 'call' ? item.name + item.input : '';
}

function isImage({ type }: ContentPart): boolean {
  return type === 'input_image';
}

/** Base64 of a document says little about its text. */
const BINARY_SHARE = 10;

function bytesOf(part: ContentPart): number {
  if (isImage(part)) return 0;
  if (part.text !== null) return Buffer.byteLength(part.text);
  const data = part.body.file_data ?? (part.body.input_audio as { data?: unknown } | undefined)?.data;
  return typeof data === 'string' ? Math.ceil(data.length / BINARY_SHARE) : BYTES_PER_TOKEN;
}

// Writes unstreamed answers as Response objects; responses-stream.ts writes streamed ones.

export class ResponsesVoice implements Voice {
  readonly wholeContentType = 'application/json';
  readonly streamContentType = 'text/event-stream; charset=utf-8';
  readonly #request: ResponsesRequest;

  constructor(request: ResponsesRequest) {
    this.#request = request;
  }

  speakWhole({ identity, answer, showsUsage }: SpeechOptions): string {
    const { echo, providerName } = this.#request;
    // The reader requests exactly one choice.
    const choice = answer.choices[0]!;
    const output = outputItems(choice, identity, providerName).map((item) => writeItem(item, 'final'));
    const usage = showsUsage ? writeUsage(answer.usage) : null;
    return JSON.stringify(writeResponse(echo, identity, finishedState(choice.finish, output, usage)));
  }

  speakStream(options: SpeechOptions): StreamVoice {
    return new ResponsesStreamVoice(this.#request, options);
  }

  failWhole(): string {
    return JSON.stringify({ error: serverError() });
  }

  failAnswer({ identity }: SpeechOptions): string {
    return JSON.stringify(writeResponse(this.#request.echo, identity, FAILED));
  }
}

// The conversation of a Responses request in the engine's form. The same conversation in another protocol gives the
// same text, so that it gets the same answer.

type Conversation = Pick<Call, 'promptText' | 'lastUserText' | 'endsWithToolResult' | 'toolResults' | 'prefill'>;

interface Turn {
  role: string;
  text: string;
}

export function readConversation(items: readonly InputItem[], instructions: string | null): Conversation {
  const turns = gatherTurns(items);
  const last = items.at(-1);
  const hasPrefill = last?.kind === 'message' && last.role === 'assistant';
  const prompt = hasPrefill ? turns.slice(0, -1) : turns;
  const opening = instructions === null ? '' : describeTurn('system', instructions);
  return {
    promptText: opening + prompt.map(({ role, text }) => describeTurn(role, text)).join(''),
    lastUserText: turns.findLast(({ role }) => role === 'user')?.text ?? '',
    endsWithToolResult: last?.kind === 'output',
    toolResults: items.filter(({ kind }) => kind === 'output').length,
    prefill: hasPrefill ? turns.at(-1)!.text : null,
  };
}

/** Calls belong to the assistant's message before them: Chat has them in one message. */
function gatherTurns(items: readonly InputItem[]): Turn[] {
  const turns: Turn[] = [];
  for (const item of items) {
    if (item.kind === 'message') turns.push({ role: item.role, text: textOf(item.parts) });
    if (item.kind === 'output') turns.push({ role: 'tool', text: textOf(item.parts) });
    if (item.kind !== 'call') continue;
    if (turns.at(-1)?.role !== 'assistant') turns.push({ role: 'assistant', text: '' });
    // Without the id, which differs between providers while the answer must not.
    turns.at(-1)!.text += `[${item.name} ${item.input}]`;
  }
  return turns;
}

function textOf(parts: readonly ContentPart[]): string {
  return parts.map(({ type, text, body }) => text ?? `[${type} ${JSON.stringify(body).length}]`).join('');
}
