// `openai` in both generations, Chat Completions.
import type OpenAI from 'openai';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64, PDF_FILENAME } from '#test/fixtures/protocols/fixtures.ts';
import { MAX_TOKENS, type Question, RESULTS, type Reply, SCHEMA, type Sdk, TOOLS } from './sdk-client.ts';

type Messages = OpenAI.ChatCompletionMessageParam[];
type Body = OpenAI.ChatCompletionCreateParamsNonStreaming;

export function openaiChatSdk(name: string, Client: typeof OpenAI): Sdk {
  return {
    name,
    finishes: { stop: 'stop', calls: 'tool_calls' },
    connect(url, key) {
      const { completions } = new Client({ baseURL: `${url}/v1`, apiKey: key, maxRetries: 0 }).chat;
      return {
        async ask(question) {
          const messages = messagesOf(question);
          const { signal } = question;
          const completion = await completions.create(bodyOf(question, messages), { ...(signal ? { signal } : {}) });
          return readCompletion(completion, messages, 1);
        },
        async stream(question) {
          const messages = messagesOf(question);
          const runner = completions.stream({
            ...bodyOf(question, messages),
            stream: true,
            stream_options: { include_usage: true },
          });
          let pieces = 0;
          let [reasoning, more] = ['', {}];
          runner.on('chunk', (chunk) => {
            const delta = chunk.choices[0]?.delta as { content?: string; reasoning_content?: string } | undefined;
            if (delta?.content) pieces++;
            reasoning += delta?.reasoning_content ?? '';
            // The helper assembles the members that it knows; the charge is next to the usage of the last chunk.
            if (chunk.usage) more = { usage: chunk.usage, cost: (chunk as { cost?: unknown }).cost };
          });
          const completion = await runner.finalChatCompletion();
          return { ...readCompletion({ ...completion, ...more }, messages, pieces), reasoning };
        },
        async leave(question) {
          const stream = await completions.create({ ...bodyOf(question, messagesOf(question)), stream: true });
          for await (const _chunk of stream) break;
        },
        statusOf: (error) => (error instanceof Client.APIError ? error.status : undefined),
      };
    },
  };
}

function messagesOf({ after, prompt, system, attachment }: Question): Messages {
  const history = (after?.history ?? []) as Messages;
  const results = (after?.calls ?? []).map(({ id, name }) => ({
    role: 'tool' as const,
    tool_call_id: id,
    content: RESULTS[name]!,
  }));
  if (results.length > 0) return [...history, ...results];
  const text = { type: 'text' as const, text: prompt };
  return [
    ...history,
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    { role: 'user', content: attachment === undefined ? prompt : [attachmentOf(attachment), text] },
  ];
}

function attachmentOf(kind: NonNullable<Question['attachment']>): OpenAI.ChatCompletionContentPart {
  switch (kind) {
    case 'image':
      return { type: 'image_url', image_url: { url: `data:image/png;base64,${IMAGE_BASE64}` } };
    case 'image-link':
      return { type: 'image_url', image_url: { url: IMAGE_URL } };
    case 'pdf':
      return {
        type: 'file',
        file: { filename: PDF_FILENAME, file_data: `data:application/pdf;base64,${PDF_BASE64}` },
      };
  }
}

function bodyOf({ model, hasTools, isJson, isThinking }: Question, messages: Messages): Body {
  return {
    model,
    messages,
    max_completion_tokens: MAX_TOKENS,
    ...(hasTools ? { tools: TOOLS.map((tool) => ({ type: 'function' as const, function: { ...tool } })) } : {}),
    ...(isJson
      ? { response_format: { type: 'json_schema', json_schema: { name: 'weather', schema: SCHEMA, strict: true } } }
      : {}),
    // `include_reasoning` is OpenRouter's: Chat Completions has no member for it.
    ...(isThinking ? { reasoning_effort: 'medium', include_reasoning: true } : {}),
  } as Body;
}

function readCompletion(completion: OpenAI.ChatCompletion, messages: Messages, pieces: number): Reply {
  const { message, finish_reason: finish } = completion.choices[0]!;
  const { usage } = completion;
  return {
    text: message.content ?? '',
    reasoning: (message as { reasoning_content?: string }).reasoning_content ?? '',
    calls: (message.tool_calls ?? []).map((call) => {
      if (call.type !== 'function') throw new Error(`a call of type ${call.type}`);
      return { id: call.id, name: call.function.name, input: JSON.parse(call.function.arguments) };
    }),
    finish,
    usage: usage ? { input: usage.prompt_tokens, output: usage.completion_tokens } : null,
    cost: (usage as { cost?: unknown } | undefined)?.cost,
    charge: (completion as { cost?: unknown }).cost,
    pieces,
    history: [...messages, message],
  };
}
