// Puts the results of calls where Gemini wants them: in the user's content right after the calls, first, in the order of
// the calls, each with the name of its function.
import type { ToolResultPart, Turn } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import type { Content } from './content.ts';
import { encodeDocument, encodeImage } from './encode-media.ts';
import type { GeminiModel } from './models.ts';
import { RefusalError } from './refusal.ts';
import { encodeToolResponse } from './tool-result.ts';
import { asObject } from './wire-values.ts';

/**
 * Throws a RefusalError for a call that was left unanswered in the middle of the conversation and for a result without
 * its call: providers refuse both, and nothing true could be said in their place.
 */
export function answerCalls(contents: readonly Content[], turns: readonly Turn[], model: GeminiModel): Content[] {
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
    throw new RefusalError('messages', `needs the call of every tool result; none has the id '${orphan.callId}'`);
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
  if (result === undefined) throw new RefusalError('messages', `needs a result for every tool call; '${id}' has none`);
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
