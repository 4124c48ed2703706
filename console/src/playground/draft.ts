// The playground's form, and the request it becomes in each protocol.
import type { Protocol } from '../parts/snippets.ts';

export interface Draft {
  protocol: Protocol;
  model: string;
  keyId: string;
  system: string;
  prompt: string;
  /** data: URLs. */
  images: string[];
  /** JSON: a list of `{ name, description, parameters }`. */
  tools: string;
  maxTokens: string;
  temperature: string;
  isStream: boolean;
}

interface Tool {
  name: string;
  description?: string;
  parameters?: object;
}

type Body = Record<string, unknown>;

/** Throws a SyntaxError if the tools are not JSON. */
export function requestOf(draft: Draft): Body {
  const tools = draft.tools.trim() === '' ? [] : (JSON.parse(draft.tools) as Tool[]);
  return BODIES[draft.protocol](draft, tools);
}

const BODIES: Record<Protocol, (draft: Draft, tools: Tool[]) => Body> = {
  'openai-chat': chat,
  'openai-responses': responses,
  'anthropic-messages': messages,
  'gemini-generate-content': gemini,
};

function given(entries: Body): Body {
  return Object.fromEntries(Object.entries(entries).filter(([, value]) => value !== undefined));
}

const numberOf = (text: string) => (text.trim() === '' ? undefined : Number(text));
const some = <T>(list: T[]) => (list.length === 0 ? undefined : list);

function chat({ model, system, prompt, images, maxTokens, temperature, isStream }: Draft, tools: Tool[]): Body {
  const content =
    images.length === 0
      ? prompt
      : [{ type: 'text', text: prompt }, ...images.map((url) => ({ type: 'image_url', image_url: { url } }))];
  return given({
    model,
    messages: [...(system === '' ? [] : [{ role: 'system', content: system }]), { role: 'user', content }],
    tools: some(tools.map((tool) => ({ type: 'function', function: tool }))),
    max_completion_tokens: numberOf(maxTokens),
    temperature: numberOf(temperature),
    stream: isStream || undefined,
    stream_options: isStream ? { include_usage: true } : undefined,
  });
}

function responses({ model, system, prompt, images, maxTokens, temperature, isStream }: Draft, tools: Tool[]): Body {
  const content = [
    { type: 'input_text', text: prompt },
    ...images.map((url) => ({ type: 'input_image', image_url: url })),
  ];
  return given({
    model,
    instructions: system === '' ? undefined : system,
    input: images.length === 0 ? prompt : [{ role: 'user', content }],
    tools: some(tools.map((tool) => ({ type: 'function', ...tool }))),
    max_output_tokens: numberOf(maxTokens),
    temperature: numberOf(temperature),
    stream: isStream || undefined,
    store: false,
  });
}

function messages({ model, system, prompt, images, maxTokens, temperature, isStream }: Draft, tools: Tool[]): Body {
  const blocks = images.map((url) => ({
    type: 'image',
    source: { type: 'base64', media_type: mediaTypeOf(url), data: dataOf(url) },
  }));
  return given({
    model,
    max_tokens: numberOf(maxTokens) ?? 1_024,
    system: system === '' ? undefined : system,
    messages: [{ role: 'user', content: images.length === 0 ? prompt : [...blocks, { type: 'text', text: prompt }] }],
    tools: some(
      tools.map(({ name, description, parameters }) =>
        given({ name, description, input_schema: parameters ?? { type: 'object' } }),
      ),
    ),
    temperature: numberOf(temperature),
    stream: isStream || undefined,
  });
}

function gemini({ system, prompt, images, maxTokens, temperature }: Draft, tools: Tool[]): Body {
  const pictures = images.map((url) => ({ inlineData: { mimeType: mediaTypeOf(url), data: dataOf(url) } }));
  const settings = given({ maxOutputTokens: numberOf(maxTokens), temperature: numberOf(temperature) });
  const functions = tools.map(({ name, description, parameters }) =>
    given({ name, description, parametersJsonSchema: parameters }),
  );
  return given({
    systemInstruction: system === '' ? undefined : { parts: [{ text: system }] },
    contents: [{ role: 'user', parts: [{ text: prompt }, ...pictures] }],
    tools: functions.length === 0 ? undefined : [{ functionDeclarations: functions }],
    generationConfig: Object.keys(settings).length === 0 ? undefined : settings,
  });
}

function mediaTypeOf(url: string): string {
  return /^data:([^;,]+)/.exec(url)?.[1] ?? 'application/octet-stream';
}

function dataOf(url: string): string {
  return url.slice(url.indexOf(',') + 1);
}
