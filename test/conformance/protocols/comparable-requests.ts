// Request bodies for a provider, without members that not every client's protocol has: the output limit, names of files and
// schemas, strictness, seeds. The rest of the same case must be the same for every client.
import type { JsonObject } from '#src/protocols/codec.ts';
import type { ProviderName } from './protocols.ts';

export function comparableRequest(vendor: ProviderName, body: JsonObject): unknown {
  const { model: _model, ...rest } = structuredClone(body);
  const alike = COMPARABLE[vendor](rest);
  const { generationConfig, ...others } = withoutMembers(alike, NOT_FOR_ALL[vendor]) as JsonObject;
  const isEmpty = generationConfig === undefined || Object.keys(generationConfig as JsonObject).length === 0;
  return isEmpty ? others : { ...others, generationConfig };
}

const NOT_FOR_ALL: Record<ProviderName, ReadonlySet<string>> = {
  'openai-chat': new Set(
    'max_tokens max_completion_tokens detail strict filename seed presence_penalty frequency_penalty additionalProperties'.split(
      ' ',
    ),
  ),
  'openai-responses': new Set(
    'max_output_tokens detail strict filename store include instructions summary additionalProperties id'.split(' '),
  ),
  'anthropic-messages': new Set('max_tokens title strict display top_p top_k additionalProperties'.split(' ')),
  'gemini-generate-content': new Set(
    'topK seed presencePenalty frequencyPenalty maxOutputTokens includeThoughts additionalProperties'.split(' '),
  ),
};

const COMPARABLE: Record<ProviderName, (body: JsonObject) => JsonObject> = {
  'openai-chat': (body) => ({ ...withoutAuto(body), response_format: unnamed(body.response_format) }),
  'openai-responses': (body) => ({
    ...withoutAuto(body),
    ...(body.text === undefined ? {} : { text: unnamed(body.text) }),
    input: [
      ...(body.instructions === undefined ? [] : [{ role: 'system', content: body.instructions }]),
      ...(typeof body.input === 'string' ? [{ role: 'user', content: body.input }] : (body.input as unknown[])),
    ],
  }),
  'anthropic-messages': (body) => ({ ...body, messages: (body.messages as JsonObject[]).map(inBlocks) }),
  'gemini-generate-content': (body) => ({ ...body, ...withoutMode(body) }),
};

/** Members without effect on the model, which some clients must set to other values. */
function withoutAuto({ tool_choice: choice, ...body }: JsonObject): JsonObject {
  return choice === undefined || choice === 'auto' ? body : { ...body, tool_choice: choice };
}

/** Schemas have names in OpenAI's protocols only. */
function unnamed(format: unknown): unknown {
  return format === undefined ? undefined : withoutMembers(format, new Set(['name']));
}

/** One text may be a string. */
function inBlocks(message: JsonObject): JsonObject {
  if (typeof message.content === 'string') return { ...message, content: [{ type: 'text', text: message.content }] };
  return { ...message, content: (message.content as JsonObject[]).map(inBlock) };
}

function inBlock(block: JsonObject): JsonObject {
  return block.type === 'tool_result' ? inBlocks(block) : block;
}

/** Strict tools, of which not every protocol knows, are what `VALIDATED` is for. */
function withoutMode({ toolConfig }: JsonObject): JsonObject {
  const calling = (toolConfig as JsonObject | undefined)?.functionCallingConfig as JsonObject | undefined;
  return calling?.mode === 'VALIDATED' || calling?.mode === 'AUTO' ? { toolConfig: undefined } : {};
}

function withoutMembers(value: unknown, names: ReadonlySet<string>): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutMembers(item, names));
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(([name, inner]) => !names.has(name) && inner !== undefined);
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutMembers(inner, names)]));
}
