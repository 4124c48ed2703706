// Canonical turns as `contents` and `systemInstruction`. Gemini requires user and model to alternate, the user to begin, and
// every turn of function calls to be followed directly by as many responses (400 otherwise;
// docs/reference/gemini-generate-content.md section 2).

import type { Part, ReasoningPart, ToolCallPart, ToolResultPart, Turn } from '#src/contracts/inference-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { RefusalError } from '#src/protocols/codec.ts';
import { encodeAudio, encodeDocument, encodeImage } from '#src/protocols/gemini-generate-content/media.ts';
import type { GeminiModel } from '#src/protocols/gemini-generate-content/models.ts';
import { argumentsOf, GEMINI, SKIP_VALIDATION } from '#src/protocols/gemini-generate-content/parts.ts';
import { asObject } from '#src/protocols/gemini-generate-content/wire-values.ts';
import { encodeToolResponse } from './decode-contents.ts';

interface EncodedTurns {
  contents: Content[];
  systemInstruction?: { parts: JsonObject[] };
}

/** Throws a RefusalError. */
export function encodeTurns(turns: readonly Turn[], model: GeminiModel): EncodedTurns {
  const system = turns.filter(isSystem).flatMap(({ parts }) => parts.flatMap((part) => encodePart(part, model)));
  const contents = answerCalls(
    mergeRoles(
      turns.filter((turn) => !isSystem(turn)),
      model,
    ),
    turns,
    model,
  );
  if (model.isGemini3) for (const content of contents) signCalls(content);
  if (contents[0]?.role === 'model') contents.unshift({ role: 'user', parts: [PLACEHOLDER] });
  if (system.length === 0) return { contents };
  // Instructions alone are not a valid request; Gemma accepts them only within the contents.
  if (contents.length === 0) return { contents: [{ role: 'user', parts: system }] };
  if (model.hasSystemInstruction) return { contents, systemInstruction: { parts: system } };
  const [first, ...rest] = contents;
  return { contents: [{ role: 'user', parts: [...system, ...first!.parts] }, ...rest] };
}

/** An empty text is refused. */
const PLACEHOLDER = { text: ' ' };

function isSystem({ role }: Turn): boolean {
  return role === 'system' || role === 'developer';
}

function mergeRoles(turns: readonly Turn[], model: GeminiModel): Content[] {
  const contents: Content[] = [];
  for (const turn of turns) {
    const role = turn.role === 'assistant' ? 'model' : 'user';
    const parts = turn.parts.flatMap((part) => encodePart(part, model));
    const last = contents.at(-1);
    // A turn of results alone is filled in by `answerCalls`, so it keeps its place without parts of its own.
    if (parts.length === 0 && !turn.parts.some(({ kind }) => kind === 'tool-result')) continue;
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts });
  }
  return contents;
}

function encodePart(part: Part, model: GeminiModel): JsonObject[] {
  switch (part.kind) {
    case 'text':
      return part.text === '' && part.signature === undefined ? [] : [{ text: part.text, ...signatureOf(part) }];
    case 'refusal':
      return part.text === '' ? [] : [{ text: part.text }];
    case 'image':
      return [{ ...encodeImage(part, model), ...signatureOf(part) }];
    case 'document':
      return [encodeDocument(part, model)];
    case 'audio':
      return [encodeAudio(part)];
    case 'reasoning':
      return encodeReasoning(part);
    case 'tool-call':
      return [encodeCall(part)];
    case 'tool-result':
      // Placed right after their calls by `answerCalls`.
      return [];
  }
}

/** Reasoning is sent only to its own provider, and only if signed. */
function encodeReasoning(part: ReasoningPart): JsonObject[] {
  return part.signature?.origin === GEMINI ? [{ text: part.text, thought: true, ...signatureOf(part) }] : [];
}

function encodeCall(part: ToolCallPart): JsonObject {
  return { functionCall: { id: part.id, name: part.name, args: argumentsOf(part) }, ...signatureOf(part) };
}

function signatureOf({ signature }: Pick<ToolCallPart, 'signature'>): JsonObject {
  return signature?.origin === GEMINI ? { thoughtSignature: signature.value } : {};
}

/** The first call of a step has the signature; calls that another provider made have no valid one. */
function signCalls({ parts }: Content): void {
  const first = parts.find((part) => part.functionCall !== undefined);
  if (first !== undefined) first.thoughtSignature ??= SKIP_VALIDATION;
}

// Places the results of calls as Gemini requires: first in the user's content right after the calls, in the order of the
// calls, each with the name of its function.

/**
 * Throws a RefusalError for an unanswered call in the middle of the conversation and for a result without its call: providers
 * refuse both, and there is nothing valid to put in their place.
 */
function answerCalls(contents: readonly Content[], turns: readonly Turn[], model: GeminiModel): Content[] {
  const results = resultsByCall(turns);
  const answered = contents.flatMap((content, index): Content[] => {
    const calls = content.role === 'user' ? callsOf(contents[index - 1]) : [];
    if (content.role === 'user' && calls.length === 0) return content.parts.length === 0 ? [] : [content];
    const responses = calls.map((call) => takeResult(results, call));
    const encoded = responses.flatMap((result, at) => encodeResult(result, calls[at]!.name, model));
    // Media that older models take only beside the responses come after all of them.
    encoded.sort((left, right) => Number('functionResponse' in right) - Number('functionResponse' in left));
    return [{ ...content, parts: [...encoded, ...content.parts] }];
  });
  const [orphan] = [...results.values()].flat();
  if (orphan !== undefined)
    throw new RefusalError('messages', `requires the call of every tool result; none has the id '${orphan.callId}'`);
  return answered;
}

interface Call {
  id: string;
  name: string;
}

function callsOf(content: Content | undefined): Call[] {
  return (content?.parts ?? []).flatMap((part) => {
    const call = asObject(part.functionCall);
    return call === null ? [] : [call as unknown as Call];
  });
}

/** Ids may repeat in one conversation: results are taken in order. */
function resultsByCall(turns: readonly Turn[]): Map<string, ToolResultPart[]> {
  const results = new Map<string, ToolResultPart[]>();
  for (const part of turns.flatMap(({ parts }) => parts)) {
    if (part.kind === 'tool-result') results.set(part.callId, [...(results.get(part.callId) ?? []), part]);
  }
  return results;
}

function takeResult(results: Map<string, ToolResultPart[]>, { id }: Call): ToolResultPart {
  const result = results.get(id)?.shift();
  if (result === undefined)
    throw new RefusalError('messages', `requires a result for every tool call; '${id}' has none`);
  return result;
}

function encodeResult(result: ToolResultPart, name: string, model: GeminiModel): JsonObject[] {
  const media = result.parts.flatMap((part) => {
    if (part.kind === 'text') return [];
    return [part.kind === 'image' ? encodeImage(part, model) : encodeDocument(part, model)];
  });
  const response = encodeToolResponse(result);
  const functionResponse = { id: result.callId, name, response };
  if (media.length === 0) return [{ functionResponse }];
  if (!model.isGemini3) return [{ functionResponse }, ...media];
  return [{ functionResponse: { ...functionResponse, parts: media.map(withoutResolution) } }];
}

/** Parts of a response hold nothing but media. */
function withoutResolution({ mediaResolution: _resolution, ...part }: JsonObject): JsonObject {
  return part;
}

// One turn as Gemini wants it.

interface Content {
  role: 'user' | 'model';
  parts: JsonObject[];
}
