// `contents` and `systemInstruction` of a client as canonical turns.
import type {
  DocumentPart,
  ImagePart,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
  Turn,
} from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { readFileData, readInlineData } from '#src/protocols/gemini-generate-content/media.ts';
import { readReasoningMetadata, readSignature } from '#src/protocols/gemini-generate-content/parts.ts';
import {
  asObject,
  asObjects,
  asText,
  defined,
  field,
  othersIn,
} from '#src/protocols/gemini-generate-content/wire-values.ts';
import { readThought, thoughtOfCall } from '#src/protocols/translate/signatures.ts';
import { parseCarriedJson } from '#src/protocols/wire/exact-json.ts';

/** Throws an UnsupportedError for parts that no other protocol has. */
export function decodeTurns(body: JsonObject): Turn[] {
  const calls = new CallMatcher();
  const turns = asObjects(body.contents).map((content, index): Turn => {
    const role = content.role === 'model' ? 'assistant' : 'user';
    const parts = asObjects(content.parts).flatMap((part, at) =>
      decodePart(part, calls, `contents[${index}].parts[${at}]`),
    );
    return { role, parts };
  });
  return [...decodeSystem(field(body, 'systemInstruction')), ...mergeTurns(turns)].filter(
    ({ parts }) => parts.length > 0,
  );
}

const KNOWN_IN_PARTS = (
  'text thought thoughtSignature partMetadata functionCall functionResponse inlineData fileData executableCode ' +
  'codeExecutionResult'
).split(' ');

/** Members of parts that no other protocol has, listed by kind, not by position. */
export function unmappedParts(body: JsonObject): JsonObject {
  const parts = asObjects(body.contents).flatMap((content) => asObjects(content.parts));
  const instructions = asObjects(asObject(field(body, 'systemInstruction'))?.parts);
  return Object.assign(
    {},
    ...parts.map((part) => othersIn(part, KNOWN_IN_PARTS, 'contents.parts')),
    ...instructions.map((part) => othersIn(part, ['text'], 'systemInstruction.parts')),
  );
}

/** A Content according to the reference; some clients send a bare text or a list of parts. */
function decodeSystem(instruction: unknown): Turn[] {
  if (typeof instruction === 'string') return [{ role: 'system', parts: [{ kind: 'text', text: instruction }] }];
  const parts = Array.isArray(instruction) ? instruction : asObject(instruction)?.parts;
  const texts = asObjects(parts).flatMap((part) => asText(part.text) ?? []);
  return [{ role: 'system', parts: texts.map((text) => ({ kind: 'text', text })) }];
}

function decodePart(part: JsonObject, calls: CallMatcher, path: string): Part[] {
  const call = asObject(field(part, 'functionCall'));
  if (call !== null) return asText(call.name)?.trim() ? [decodeCall(part, call, calls)] : [];
  const response = asObject(field(part, 'functionResponse'));
  if (response !== null) return [decodeToolResult(response, calls, path)];
  if (typeof part.text === 'string') return decodeText(part, part.text);
  return decodeMedia(part, path);
}

function decodeText(part: JsonObject, text: string): Part[] {
  const signature = readSignature(part);
  if (part.thought !== true) {
    return text === '' && signature === undefined ? [] : [{ kind: 'text', text, ...defined({ signature }) }];
  }
  return [{ kind: 'reasoning', text, ...defined({ signature }), ...readReasoningMetadata(part) }];
}

function decodeCall(part: JsonObject, call: JsonObject, calls: CallMatcher): ToolCallPart {
  const name = asText(call.name) ?? '';
  const signature = readSignature(part);
  const id = calls.called(asText(call.id) || null, name);
  return { kind: 'tool-call', id, name, arguments: JSON.stringify(call.args ?? {}), ...defined({ signature }) };
}

function decodeMedia(part: JsonObject, path: string): Part[] {
  const inline = asObject(field(part, 'inlineData'));
  const file = asObject(field(part, 'fileData'));
  if (inline === null && file === null) return decodeCodeExecution(part);
  const media = inline === null ? readFileData(file!) : readInlineData(inline);
  if (media === null) throw new UnsupportedError(`${path}.${inline === null ? 'fileData' : 'inlineData'}`);
  return [media.kind === 'image' ? { ...media, ...defined({ signature: readSignature(part) }) } : media];
}

/** Executed code and its result, as text that another model can read. */
function decodeCodeExecution(part: JsonObject): TextPart[] {
  const code = asText(asObject(field(part, 'executableCode'))?.code);
  const output = asText(asObject(field(part, 'codeExecutionResult'))?.output);
  const text = code ?? output;
  return text === undefined || text === '' ? [] : [{ kind: 'text', text: `\`\`\`\n${text}\n\`\`\`` }];
}

/** Clients keep a streamed turn as one content per chunk, each with a piece of the text. These are merged again. */
function mergeTurns(turns: readonly Turn[]): Turn[] {
  const merged: Turn[] = [];
  for (const turn of turns) {
    const last = merged.at(-1);
    if (last?.role === 'assistant' && turn.role === 'assistant') last.parts.push(...turn.parts);
    else merged.push({ ...turn, parts: [...turn.parts] });
  }
  for (const turn of merged) if (turn.role === 'assistant') turn.parts = giveBackThoughts(mergePieces(turn.parts));
  return merged;
}

/** Restores the reasoning in a call's signature, if the client has not kept it. */
function giveBackThoughts(parts: readonly Part[]): Part[] {
  const isKept = parts.some((part) => part.kind === 'reasoning' && readThought(part.signature) !== null);
  return parts.flatMap((part): Part[] => {
    const thought = part.kind === 'tool-call' ? thoughtOfCall(part.signature) : null;
    if (thought === null) return [part];
    const { signature: _, ...call } = part as ToolCallPart;
    return isKept ? [call] : [thought, call];
  });
}

/** A signature ends a part, because it covers the text before it. */
function mergePieces(parts: readonly Part[]): Part[] {
  const merged: Part[] = [];
  for (const part of parts) {
    const last = merged.at(-1);
    const isPiece =
      (part.kind === 'text' && last?.kind === 'text') || (part.kind === 'reasoning' && last?.kind === 'reasoning');
    if (isPiece && !('signature' in last)) merged[merged.length - 1] = { ...part, text: last.text + part.text };
    else merged.push(part);
  }
  return merged;
}

// `functionResponse` both ways. Its `response` is an object: `output` and `error` have a meaning, an object without them
// is the output as a whole (types of npm @google/genai 3.1.0).

function decodeToolResult(response: JsonObject, calls: CallMatcher, path: string): ToolResultPart {
  const name = asText(response.name) ?? '';
  const callId = calls.answered(asText(response.id) || null, name);
  const { text, isError } = readResponse(asObject(response.response) ?? {});
  const media = asObjects(response.parts).map((part, index) =>
    decodeResultMedia(part, `${path}.functionResponse.parts[${index}]`),
  );
  const said: TextPart[] = text === '' && media.length > 0 ? [] : [{ kind: 'text', text }];
  return { kind: 'tool-result', callId, name, parts: [...said, ...media], ...(isError ? { isError } : {}) };
}

function readResponse(response: JsonObject): { text: string; isError: boolean } {
  const [only, ...others] = Object.keys(response);
  if (only === undefined) return { text: '', isError: false };
  if (others.length > 0 || (only !== 'output' && only !== 'error')) {
    return { text: JSON.stringify(response), isError: false };
  }
  const value = response[only];
  return { text: typeof value === 'string' ? value : JSON.stringify(value), isError: only === 'error' };
}

function decodeResultMedia(part: JsonObject, path: string): ImagePart | DocumentPart {
  const inline = asObject(field(part, 'inlineData'));
  const media = inline === null ? readFileData(asObject(field(part, 'fileData')) ?? {}) : readInlineData(inline);
  if (media === null || media.kind === 'audio') throw new UnsupportedError(path);
  return media;
}

/**
 * An object passes as it is, unless its own members would be read as `output`, `error` or a reference to media
 * (`{$ref: …}`, V); everything else is wrapped.
 */
export function encodeToolResponse({ parts, isError }: ToolResultPart): JsonObject {
  const text = parts.flatMap((part) => (part.kind === 'text' ? [part.text] : [])).join('\n');
  if (isError === true) return { error: text };
  const object = text.includes('"$ref"') ? null : asObject(parseCarriedJson(text));
  const isPlain = object !== null && !('output' in object) && !('error' in object);
  return isPlain ? object : { output: text };
}

// Which function response belongs to which call. Ids are optional in Gemini; responses without one answer the calls of
// the same name in order. Generated ids are deterministic for a conversation, so that prompt caches stay valid.

interface Call {
  id: string;
  name: string;
  isAnswered: boolean;
}

class CallMatcher {
  readonly #calls: Call[] = [];

  /** The call's id, generated where the client gives none. */
  called(givenId: string | null, name: string): string {
    const id = givenId ?? this.#freeId();
    this.#calls.push({ id, name, isAnswered: false });
    return id;
  }

  /** The id of the call that is answered; a response without a call gets a new one. */
  answered(givenId: string | null, name: string): string {
    const open = this.#calls.filter((call) => !call.isAnswered);
    const call =
      open.find(({ id }) => id === givenId) ?? open.find((candidate) => candidate.name === name) ?? open[0] ?? null;
    if (call === null) return givenId ?? this.#freeId();
    call.isAnswered = true;
    return call.id;
  }

  #freeId(): string {
    for (let ordinal = this.#calls.length + 1; ; ordinal++) {
      const id = `call_${ordinal}`;
      if (this.#calls.every((call) => call.id !== id)) return id;
    }
  }
}

// Carries the path of a member that no other protocol has out of a nested decoder. Caught in decode-request.ts; never
// leaves this folder.
export class UnsupportedError extends Error {
  readonly param: string;

  constructor(param: string) {
    super(param);
    this.name = 'UnsupportedError';
    this.param = param;
  }
}
