// The client protocols as a plain client of each uses them. Separate, simple readers, so that they do not share a fault with
// the broker's.

export const SPOKEN = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini-generate-content'] as const;
export type SpokenName = (typeof SPOKEN)[number];

/** The text of a streamed answer so far. */
export interface HeardStream {
  text: string;
  /** The answer is marked as complete. */
  isDone: boolean;
  /** The explicit error event. */
  error: unknown;
  /** Of the events, in their order. */
  ids: string[];
  /** The broker's additional information: `x_sluice`. */
  mark: { rescued?: boolean; attempts?: number } | null;
  /** Cost of the providers and charge in USD, from the event that has them. */
  cost: number | null;
  charge: number | null;
}

export interface Spoken {
  path(model: string, isStream: boolean): string;
  body(asked: { model: string; prompt: string; isStream: boolean; tools?: boolean; more?: object }): object;
  /** Text of an unstreamed answer. */
  readWhole(body: string): string;
  /** One event's `data:`, parsed. */
  hear(stream: HeardStream, event: Loose): void;
}

// biome-ignore lint/suspicious/noExplicitAny: wire values of four providers, read by tests.
type Loose = any;

const TOOL = { name: 'get_weather', schema: { type: 'object', properties: { city: { type: 'string' } } } };
const MAX_TOKENS = 4_000;

export const SPOKEN_PROTOCOLS: Record<SpokenName, Spoken> = {
  'openai-chat': {
    path: () => '/v1/chat/completions',
    body: ({ model, prompt, isStream, tools, more }) => ({
      model,
      messages: [{ role: 'user', content: prompt }],
      ...(isStream ? { stream: true, stream_options: { include_usage: true } } : {}),
      ...(tools ? { tools: [{ type: 'function', function: { name: TOOL.name, parameters: TOOL.schema } }] } : {}),
      ...more,
    }),
    readWhole: (body) => JSON.parse(body).choices[0].message.content,
    hear(stream, event) {
      stream.text += event.choices?.[0]?.delta?.content ?? '';
      stream.error ??= event.error ?? null;
    },
  },
  'openai-responses': {
    path: () => '/v1/responses',
    body: ({ model, prompt, isStream, tools, more }) => ({
      model,
      input: prompt,
      store: false,
      ...(isStream ? { stream: true } : {}),
      ...(tools ? { tools: [{ type: 'function', name: TOOL.name, parameters: TOOL.schema }] } : {}),
      ...more,
    }),
    readWhole: (body) =>
      JSON.parse(body)
        .output.flatMap((item: Loose) => item.content ?? [])
        .map((part: Loose) => part.text)
        .join(''),
    hear(stream, event) {
      if (event.type === 'response.output_text.delta') stream.text += event.delta;
      if (event.type === 'response.completed') stream.isDone = true;
      if (event.type === 'error') stream.error ??= event;
      if (event.type === 'response.failed') stream.error ??= event.response.error;
    },
  },
  'anthropic-messages': {
    path: () => '/v1/messages',
    body: ({ model, prompt, isStream, tools, more }) => ({
      model,
      max_tokens: MAX_TOKENS,
      messages: [{ role: 'user', content: prompt }],
      ...(isStream ? { stream: true } : {}),
      ...(tools ? { tools: [{ name: TOOL.name, input_schema: TOOL.schema }] } : {}),
      ...more,
    }),
    readWhole: (body) =>
      JSON.parse(body)
        .content.map((block: Loose) => block.text ?? '')
        .join(''),
    hear(stream, event) {
      stream.text += event.content_block?.text ?? '';
      if (event.delta?.type === 'text_delta') stream.text += event.delta.text;
      if (event.type === 'message_stop') stream.isDone = true;
      if (event.type === 'error') stream.error ??= event.error;
    },
  },
  'gemini-generate-content': {
    path: (model, isStream) =>
      `/v1beta/models/${model}:${isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`,
    body: ({ prompt, tools, more }) => ({
      contents: [{ role: 'user', parts: [{ text: prompt }] }],
      ...(tools ? { tools: [{ functionDeclarations: [{ name: TOOL.name, parameters: TOOL.schema }] }] } : {}),
      ...more,
    }),
    readWhole: (body) => geminiText(JSON.parse(body)),
    hear(stream, event) {
      stream.text += geminiText(event);
      if (event.candidates?.[0]?.finishReason !== undefined) stream.isDone = true;
      stream.error ??= event.error ?? null;
    },
  },
};

function geminiText(answer: Loose): string {
  const parts: Loose[] = answer.candidates?.[0]?.content?.parts ?? [];
  return parts.map((part) => (part.thought === true ? '' : (part.text ?? ''))).join('');
}

/** Of the complete events so far. */
export function readSpokenStream(name: SpokenName, text: string): HeardStream {
  const stream: HeardStream = { text: '', isDone: false, error: null, ids: [], mark: null, cost: null, charge: null };
  for (const event of text.split(/\r?\n\r?\n/).slice(0, -1))
    hearEvent(SPOKEN_PROTOCOLS[name], stream, event.split(/\r?\n/));
  return stream;
}

function hearEvent(spoken: Spoken, stream: HeardStream, lines: string[]): void {
  const field = (name: string) =>
    lines
      .find((line) => line.startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim();
  const id = field('id');
  if (id !== undefined) stream.ids.push(id);
  const data = field('data');
  if (data === undefined) return;
  if (data === '[DONE]') {
    stream.isDone = true;
    return;
  }
  const event: Loose = JSON.parse(data);
  spoken.hear(stream, event);
  // The Responses API wraps its answer.
  const answer = event.response ?? event;
  stream.mark ??= event.x_sluice ?? answer.x_sluice ?? null;
  stream.cost ??= (answer.usage ?? answer.usageMetadata)?.cost ?? null;
  stream.charge ??= event.cost ?? answer.cost ?? null;
}

/** Comment lines differ between connections. */
export function withoutComments(text: string): string {
  return text
    .replaceAll(/^:[^\n]*\n\n?/gm, '')
    .replaceAll('event: ping\ndata: {"type": "ping"}\n\n', '')
    .replaceAll(/(\r?\n\r?\n)\n+/g, '$1')
    .replace(/^\n+/, '');
}

/** After the event with this id, in a text without comments. */
export function endOfEvent(text: string, id: string): number {
  return text.indexOf('\n\n', text.indexOf(`id: ${id}\n`)) + 2;
}
