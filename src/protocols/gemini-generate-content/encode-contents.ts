// Canonical turns as `contents` and `systemInstruction`. Gemini wants user and model to take turns, the user to begin, and
// every turn of function calls to be followed at once by as many responses (400 otherwise;
// docs/reference/gemini-generate-content.md section 2).
import type { Part, ReasoningPart, ToolCallPart, Turn } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import type { Content } from './content.ts';
import { encodeAudio, encodeDocument, encodeImage } from './encode-media.ts';
import { argumentsOf } from './encode-parts.ts';
import { GEMINI, SKIP_VALIDATION } from './foreign-parts.ts';
import { answerCalls } from './function-turns.ts';
import type { GeminiModel } from './models.ts';

export interface EncodedTurns {
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
  // Instructions alone are no request; Gemma takes none apart from the contents.
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
      // Their place is behind their calls: function-turns.ts.
      return [];
  }
}

/** Only its own provider may see what a model thought, and only signed. */
function encodeReasoning(part: ReasoningPart): JsonObject[] {
  return part.signature?.origin === GEMINI ? [{ text: part.text, thought: true, ...signatureOf(part) }] : [];
}

function encodeCall(part: ToolCallPart): JsonObject {
  return { functionCall: { id: part.id, name: part.name, args: argumentsOf(part) }, ...signatureOf(part) };
}

function signatureOf({ signature }: Pick<ToolCallPart, 'signature'>): JsonObject {
  return signature?.origin === GEMINI ? { thoughtSignature: signature.value } : {};
}

/** Of the calls of one step the first bears the signature; one that another provider made has none that is valid. */
function signCalls({ parts }: Content): void {
  const first = parts.find((part) => part.functionCall !== undefined);
  if (first !== undefined) first.thoughtSignature ??= SKIP_VALIDATION;
}
