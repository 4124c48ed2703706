// The Vercel AI SDK with the providers of three providers: OpenAI's in both of its protocols.
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import {
  APICallError,
  generateText,
  type JSONSchema7,
  jsonSchema,
  type LanguageModel,
  type ModelMessage,
  Output,
  streamText,
  type ToolSet,
  tool,
} from 'ai';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64, PDF_FILENAME } from '#test/fixtures/protocols/fixtures.ts';
import {
  MAX_TOKENS,
  type Question,
  RESULTS,
  type Reply,
  SCHEMA,
  type Sdk,
  type SdkClient,
  TOOLS,
} from './sdk-client.ts';

/** These tests check separately what it does not pass on to an unknown provider. */
globalThis.AI_SDK_LOG_WARNINGS = false;

type ModelOf = (name: string) => LanguageModel;
type Finished = Pick<
  Awaited<ReturnType<typeof generateText>>,
  'text' | 'reasoningText' | 'toolCalls' | 'finishReason' | 'usage' | 'responseMessages'
>;

export const AI_SDKS: readonly Sdk[] = [
  aiSdk('ai with @ai-sdk/openai (Responses)', (url, apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey })),
  {
    ...aiSdk('ai with @ai-sdk/openai (Chat)', (url, apiKey) => createOpenAI({ baseURL: `${url}/v1`, apiKey }).chat),
    // OpenAI itself shows none in Chat Completions, and its provider package does not read any.
    hides: ['cost', 'reasoning', 'signatures'],
  },
  aiSdk('ai with @ai-sdk/anthropic', (url, apiKey) => createAnthropic({ baseURL: `${url}/v1`, apiKey })),
  aiSdk('ai with @ai-sdk/google', (url, apiKey) => createGoogleGenerativeAI({ baseURL: `${url}/v1beta`, apiKey })),
];

function aiSdk(name: string, connect: (url: string, key: string) => ModelOf): Sdk {
  return {
    name,
    finishes: { stop: 'stop', calls: 'tool-calls' },
    hides: ['cost'],
    fetchesLinks: true,
    connect: (url, key) => clientOf(connect(url, key)),
  };
}

function clientOf(modelOf: ModelOf): SdkClient {
  return {
    async ask(question) {
      const messages = messagesOf(question);
      return readResult(await generateText(settingsOf(modelOf, question, messages)), messages, 1);
    },
    async stream(question) {
      const messages = messagesOf(question);
      const result = openStream(modelOf, question, messages);
      let pieces = 0;
      for await (const part of result.stream) {
        if (part.type === 'text-delta') pieces++;
        if (part.type === 'error') throw part.error;
      }
      const [text, reasoningText, toolCalls, finishReason, usage, responseMessages] = await Promise.all([
        result.text,
        result.reasoningText,
        result.toolCalls,
        result.finishReason,
        result.usage,
        result.responseMessages,
      ]);
      return readResult({ text, reasoningText, toolCalls, finishReason, usage, responseMessages }, messages, pieces);
    },
    async leave(question) {
      const gone = new AbortController();
      const result = openStream(modelOf, { ...question, signal: gone.signal }, messagesOf(question));
      for await (const part of result.stream) if (part.type === 'text-delta') break;
      gone.abort();
    },
    statusOf: (error) => (APICallError.isInstance(error) ? error.statusCode : undefined),
  };
}

/** Errors come as parts of the stream; what `onError` does by default is to print them. */
function openStream(modelOf: ModelOf, question: Question, messages: ModelMessage[]) {
  return streamText({ ...settingsOf(modelOf, question, messages), onError: () => undefined });
}

function messagesOf({ after, prompt, system, attachment }: Question): ModelMessage[] {
  const history = (after?.history ?? []) as ModelMessage[];
  const results = (after?.calls ?? []).map(({ id, name }) => ({
    type: 'tool-result' as const,
    toolCallId: id,
    toolName: name,
    output: { type: 'text' as const, value: RESULTS[name]! },
  }));
  if (results.length > 0) return [...history, { role: 'tool', content: results }];
  return [
    ...history,
    ...(system === undefined ? [] : [{ role: 'system' as const, content: system }]),
    {
      role: 'user',
      content: attachment === undefined ? prompt : [attachmentOf(attachment), { type: 'text', text: prompt }],
    },
  ];
}

function attachmentOf(kind: NonNullable<Question['attachment']>) {
  switch (kind) {
    case 'image':
      return { type: 'file' as const, mediaType: 'image/png', data: IMAGE_BASE64 };
    case 'image-link':
      return { type: 'file' as const, mediaType: 'image/png', data: new URL(IMAGE_URL) };
    case 'pdf':
      return { type: 'file' as const, mediaType: 'application/pdf', data: PDF_BASE64, filename: PDF_FILENAME };
  }
}

function settingsOf(modelOf: ModelOf, question: Question, messages: ModelMessage[]) {
  const { model, hasTools, isJson, isThinking, signal } = question;
  return {
    model: modelOf(model),
    messages,
    allowSystemInMessages: true,
    maxRetries: 0,
    maxOutputTokens: MAX_TOKENS,
    ...(hasTools ? { tools: toolSet() } : {}),
    ...(isJson ? { output: Output.object({ schema: jsonSchema<{ city: string; isSunny: boolean }>(SCHEMA) }) } : {}),
    ...(isThinking ? { reasoning: 'medium' as const, providerOptions: SHOWN } : {}),
    ...(signal === undefined ? {} : { abortSignal: signal }),
  };
}

const SHOWN = {
  // It does not treat another provider's model as a reasoning model unless told to.
  openai: { reasoningSummary: 'auto', forceReasoning: true },
  google: { thinkingConfig: { includeThoughts: true } },
};

function toolSet(): ToolSet {
  return Object.fromEntries(
    TOOLS.map(({ name, description, parameters }) => [
      name,
      tool({ description, inputSchema: jsonSchema<{ city: string }>(parameters as JSONSchema7) }),
    ]),
  );
}

function readResult(result: Finished, messages: ModelMessage[], pieces: number): Reply {
  const { usage } = result;
  return {
    text: result.text,
    reasoning: result.reasoningText ?? '',
    calls: result.toolCalls.map(({ toolCallId, toolName, input }) => ({
      id: toolCallId,
      name: toolName,
      input: input as unknown,
    })),
    finish: result.finishReason,
    usage: { input: usage.inputTokens ?? 0, output: usage.outputTokens ?? 0 },
    pieces,
    history: [...messages, ...result.responseMessages],
  };
}
