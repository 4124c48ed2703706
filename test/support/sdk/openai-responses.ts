// `openai` in both generations, Responses.
import type OpenAI from 'openai';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64, PDF_FILENAME } from '#test/fixtures/protocols/fixtures.ts';
import { MAX_TOKENS, type Question, RESULTS, type Reply, SCHEMA, type Sdk, TOOLS } from './sdk-client.ts';

type Items = OpenAI.Responses.ResponseInputItem[];
type StreamBody = Parameters<OpenAI['responses']['stream']>[0];
type Body = OpenAI.Responses.ResponseCreateParamsNonStreaming;

export function openaiResponsesSdk(name: string, Client: typeof OpenAI): Sdk {
  return {
    name,
    finishes: { stop: 'completed', calls: 'completed' },
    connect(url, key) {
      const { responses } = new Client({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 });
      return {
        async ask(question) {
          const items = itemsOf(question);
          const { signal } = question;
          return readResponse(
            await responses.create(bodyOf(question, items), { ...(signal ? { signal } : {}) }),
            items,
            1,
          );
        },
        async stream(question) {
          const items = itemsOf(question);
          const runner = responses.stream(bodyOf(question, items) as StreamBody);
          let pieces = 0;
          let charge: unknown;
          runner.on('response.output_text.delta', () => pieces++);
          runner.on('response.completed', ({ response }) => {
            charge = (response as { cost?: unknown }).cost;
          });
          const response = await runner.finalResponse();
          return { ...readResponse(response, items, pieces), charge };
        },
        async leave(question) {
          const stream = await responses.create({ ...bodyOf(question, itemsOf(question)), stream: true });
          for await (const event of stream) if (event.type === 'response.output_text.delta') break;
        },
        statusOf: (error) => (error instanceof Client.APIError ? error.status : undefined),
      };
    },
  };
}

function itemsOf({ after, prompt, system, attachment }: Question): Items {
  const history = (after?.history ?? []) as Items;
  const results = (after?.calls ?? []).map(({ id, name }) => ({
    type: 'function_call_output' as const,
    call_id: id,
    output: RESULTS[name]!,
  }));
  if (results.length > 0) return [...history, ...results];
  const text = { type: 'input_text' as const, text: prompt };
  return [
    ...history,
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: attachment === undefined ? prompt : [attachmentOf(attachment), text] },
  ];
}

function attachmentOf(kind: NonNullable<Question['attachment']>): OpenAI.Responses.ResponseInputContent {
  switch (kind) {
    case 'image':
      return { type: 'input_image', image_url: `data:image/png;base64,${IMAGE_BASE64}`, detail: 'auto' };
    case 'image-link':
      return { type: 'input_image', image_url: IMAGE_URL, detail: 'auto' };
    case 'pdf':
      return { type: 'input_file', filename: PDF_FILENAME, file_data: `data:application/pdf;base64,${PDF_BASE64}` };
  }
}

function bodyOf({ model, hasTools, isJson, isThinking }: Question, input: Items): Body {
  return {
    model,
    input,
    store: false,
    max_output_tokens: MAX_TOKENS,
    ...(hasTools ? { tools: TOOLS.map((tool) => ({ type: 'function' as const, strict: true, ...tool })) } : {}),
    ...(isJson ? { text: { format: { type: 'json_schema', name: 'weather', schema: SCHEMA, strict: true } } } : {}),
    ...(isThinking
      ? { reasoning: { effort: 'medium', summary: 'auto' }, include: ['reasoning.encrypted_content'] }
      : {}),
  } as Body;
}

function readResponse(response: OpenAI.Responses.Response, items: Items, pieces: number): Reply {
  const { usage, output } = response;
  return {
    text: response.output_text,
    reasoning: output
      .flatMap((item) => (item.type === 'reasoning' ? item.summary.map(({ text }) => text) : []))
      .join(''),
    calls: output.flatMap((item) =>
      item.type === 'function_call'
        ? [{ id: item.call_id, name: item.name, input: JSON.parse(item.arguments) as unknown }]
        : [],
    ),
    finish: response.status ?? null,
    usage: usage ? { input: usage.input_tokens, output: usage.output_tokens } : null,
    cost: (usage as { cost?: unknown } | undefined)?.cost,
    charge: (response as { cost?: unknown }).cost,
    pieces,
    history: [...items, ...output.map(withoutParsed)],
  };
}

/** The stream helper adds a member that is not the API's. */
function withoutParsed(item: object): object {
  const { parsed_arguments: _, ...rest } = item as { parsed_arguments?: unknown };
  const { content } = rest as { content?: object[] };
  if (!Array.isArray(content)) return rest;
  return { ...rest, content: content.map(({ parsed: _parsed, ...part }: { parsed?: unknown }) => part) };
}
