// `contents` and `systemInstruction` of a client as canonical turns.
import type { Part, TextPart, ToolCallPart, Turn } from '../../contracts/inference-request.ts';
import { readThought, thoughtOfCall } from '../chat-thought.ts';
import type { JsonObject } from '../codec.ts';
import { CallMatcher } from './call-matcher.ts';
import { readReasoningMetadata, readSignature } from './foreign-parts.ts';
import { readFileData, readInlineData } from './media.ts';
import { decodeToolResult } from './tool-result.ts';
import { UnsupportedError } from './unsupported.ts';
import { asObject, asObjects, asText, defined, field } from './wire-values.ts';

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

/** A Content by the reference; a bare text or list of parts by the habit of some clients. */
function decodeSystem(instruction: unknown): Turn[] {
  if (typeof instruction === 'string') return [{ role: 'system', parts: [{ kind: 'text', text: instruction }] }];
  const texts = asObjects(asObject(instruction)?.parts).flatMap((part) => asText(part.text) ?? []);
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

/** What the provider ran and what came out, as text: another model can at least read it. */
function decodeCodeExecution(part: JsonObject): TextPart[] {
  const code = asText(asObject(field(part, 'executableCode'))?.code);
  const output = asText(asObject(field(part, 'codeExecutionResult'))?.output);
  const text = code ?? output;
  return text === undefined || text === '' ? [] : [{ kind: 'text', text: `\`\`\`\n${text}\n\`\`\`` }];
}

/** Clients keep a streamed turn as a content per chunk, each with a piece of the text: they are put together again. */
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

/** The thought that a call was signed with, where the client has not kept it. */
function giveBackThoughts(parts: readonly Part[]): Part[] {
  const isKept = parts.some((part) => part.kind === 'reasoning' && readThought(part.signature) !== null);
  return parts.flatMap((part): Part[] => {
    const thought = part.kind === 'tool-call' ? thoughtOfCall(part.signature) : null;
    if (thought === null) return [part];
    const { signature: _, ...call } = part as ToolCallPart;
    return isKept ? [call] : [thought, call];
  });
}

/** A signature ends a part: it was made for what stands before it. */
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
