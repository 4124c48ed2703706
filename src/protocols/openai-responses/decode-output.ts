// A finished output item as canonical parts.
import type { Part, TextPart, ToolCallPart } from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { objectsOf, present, textOf } from '../wire/loose-json.ts';
import { decodeAnnotation } from './decode-content.ts';
import { reasoningText } from './reasoning-input.ts';

/** Null in the place of content that has no canonical form, so that places are those of the wire. */
export function partsOfItem(item: JsonObject): (Part | null)[] {
  switch (item.type) {
    case 'message':
      return objectsOf(item.content).map(partOfContent);
    case 'reasoning':
      return partsOfReasoning(item);
    case 'function_call':
    case 'custom_tool_call':
      // Without a name nobody can make it.
      return textOf(item.name).trim() === '' ? [] : [callOf(item)];
    case 'image_generation_call':
      return partsOfImage(item);
    default:
      // What the provider's own tools did, and kinds that are younger than this file.
      return [];
  }
}

function partOfContent(content: JsonObject): Part | null {
  if (content.type === 'refusal') return { kind: 'refusal', text: textOf(content.refusal) };
  if (content.type !== 'output_text') return null;
  const citations = objectsOf(content.annotations).flatMap(decodeAnnotation);
  const part: TextPart = { kind: 'text', text: textOf(content.text) };
  return citations.length === 0 ? part : { ...part, citations };
}

/** Nothing where nothing is shown and nothing can be sent back. */
function partsOfReasoning(item: JsonObject): Part[] {
  const text = reasoningText(item);
  const value = textOf(item.encrypted_content);
  if (text === '' && value === '') return [];
  const signature = value === '' ? null : ({ origin: 'openai-responses', value } as const);
  return [{ kind: 'reasoning', text, ...present({ id: textOf(item.id) || null, signature }) }];
}

/** The id is '' where the provider gives none. */
export function callOf(item: JsonObject): ToolCallPart {
  const id = textOf(item.call_id) || textOf(item.id);
  const isCustom = item.type === 'custom_tool_call';
  const text = textOf(isCustom ? item.input : item.arguments);
  const namespace = present({ namespace: textOf(item.namespace) || null });
  return {
    kind: 'tool-call',
    id,
    name: textOf(item.name),
    ...namespace,
    arguments: text,
    ...(isCustom ? { isCustom } : {}),
  };
}

function partsOfImage(item: JsonObject): Part[] {
  const data = textOf(item.result);
  if (data === '') return [];
  return [
    { kind: 'image', source: { kind: 'base64', mediaType: `image/${textOf(item.output_format) || 'png'}`, data } },
  ];
}
