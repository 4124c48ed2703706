// OpenAPI entries of model requests. Request schemas are those that requests are validated with; further fields that providers
// accept are not repeated here. Answers are described by what all providers return.
import { z } from 'zod';
import { countRequest, messagesRequest } from '../../../protocols/anthropic-messages/request/read-request.ts';
import { geminiRequest } from '../../../protocols/gemini-generate-content/request/read-request.ts';
import { chatRequest } from '../../../protocols/openai-chat/request/read-request.ts';
import { completionsRequest } from '../../../protocols/openai-completions/request.ts';
import { embeddingsRequest } from '../../../protocols/openai-embeddings/protocol.ts';
import { memoryMembers, responsesRequest } from '../../../protocols/openai-responses/request/read-request.ts';
import { inputSchema } from '../../../protocols/openai-responses/request/request-schema.ts';
import type { ClientEndpoint } from '../../../protocols/protocol.ts';
import { CLIENT_ENDPOINTS } from '../../../protocols/registry.ts';
import { OPENAI_PREFIXES } from '../../request-target.ts';
import { pathsOf } from '../../routes/inference.ts';
import {
  type Answer,
  type Content,
  type ErrorShape,
  EVENTS_TYPE,
  group,
  JSON_TYPE,
  json,
  named,
  type Operation,
  ok,
  under,
} from './operation.ts';
import { ANSWER_HEADERS, INFERENCE_FAILURES, unixSeconds } from './parts.ts';

const HEADERS = [
  ...['idempotency-key', 'prefer', 'last-event-id', 'vendor'],
  ...['x-sluice-lane', 'x-sluice-priority', 'x-sluice-deadline-ms'],
];

const accepted = named(
  'AcceptedRequest',
  z.object({ id: z.string(), object: z.literal('request'), status: z.literal('queued'), url: z.string() }),
);

const count = z.number().int();
const chatUsage = z.looseObject({
  prompt_tokens: count,
  completion_tokens: count,
  total_tokens: count,
  cost: z.number().optional().describe('US dollars; absent if the price is not known.'),
});
const chatCompletion = named(
  'ChatCompletion',
  z.looseObject({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: unixSeconds,
    model: z.string(),
    choices: z.array(
      z.looseObject({
        index: count,
        message: z.looseObject({ role: z.string(), content: z.string().nullish() }),
        finish_reason: z.string().nullish(),
      }),
    ),
    usage: chatUsage.optional(),
  }),
);
const chatChunk = named(
  'ChatCompletionChunk',
  z.looseObject({
    id: z.string(),
    object: z.literal('chat.completion.chunk'),
    created: unixSeconds,
    model: z.string(),
    choices: z.array(z.looseObject({ index: count, delta: z.looseObject({}), finish_reason: z.string().nullish() })),
    usage: chatUsage.nullish(),
  }),
);
const completion = named(
  'Completion',
  z.looseObject({
    id: z.string(),
    object: z.literal('text_completion'),
    created: unixSeconds,
    model: z.string(),
    choices: z.array(z.looseObject({ index: count, text: z.string(), finish_reason: z.string().nullish() })),
    usage: chatUsage.nullish(),
  }),
);
const embeddings = named(
  'Embeddings',
  z.looseObject({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.looseObject({
        index: count,
        embedding: z.union([z.array(z.number()), z.string()]).describe('A list of numbers, or their base64 encoding.'),
      }),
    ),
    usage: z.looseObject({ prompt_tokens: count, total_tokens: count }),
  }),
);
export const response = named(
  'Response',
  z.looseObject({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.number(),
    status: z.enum(['queued', 'in_progress', 'completed', 'failed', 'incomplete', 'cancelled']),
    model: z.string(),
    output: z.array(z.looseObject({ type: z.string() })),
    usage: z.looseObject({ input_tokens: count, output_tokens: count, total_tokens: count }).nullish(),
  }),
);
export const responseEvent = named(
  'ResponseEvent',
  z.looseObject({ type: z.string(), sequence_number: count.optional() }),
);
const compaction = named(
  'ResponseCompaction',
  z.looseObject({ object: z.literal('response.compaction'), output: z.array(z.looseObject({ type: z.string() })) }),
);
const message = named(
  'Message',
  z.looseObject({
    id: z.string(),
    type: z.literal('message'),
    role: z.literal('assistant'),
    model: z.string(),
    content: z.array(z.looseObject({ type: z.string() })),
    stop_reason: z.string().nullable(),
    usage: z.looseObject({ input_tokens: count, output_tokens: count }),
  }),
);
const messageEvent = named('MessageEvent', z.looseObject({ type: z.string() }));
const tokenCount = named('TokenCount', z.looseObject({ input_tokens: count }));
const generated = named(
  'GenerateContentResponse',
  z.looseObject({
    candidates: z
      .array(z.looseObject({ content: z.looseObject({}).optional(), finishReason: z.string().optional() }))
      .optional(),
    usageMetadata: z.looseObject({ promptTokenCount: count.optional(), totalTokenCount: count.optional() }).optional(),
    modelVersion: z.string().optional(),
  }),
);
const generatedList = named('GenerateContentResponses', z.array(generated));
const geminiCount = named('CountTokensResponse', z.looseObject({ totalTokens: count }));

const chatEvents: Content = {
  events: chatChunk,
  framing: 'Server-sent events with a chunk in `data`, then `data: [DONE]`. An error is an event with `error`.',
};
export const responseEvents: Content = {
  events: responseEvent,
  framing: 'Server-sent events named by their `type`; the last is `response.completed`, `.incomplete` or `.failed`.',
};

interface Described {
  id: string;
  errors: ErrorShape;
  body: z.ZodType;
  example: object;
  answer: z.ZodType;
  stream?: Content;
  headers?: readonly string[];
}

const responsesBody = named(
  'ResponsesRequest',
  responsesRequest
    .extend(memoryMembers.shape)
    .extend({ input: inputSchema.optional().describe('Optional with `prompt` or `conversation`.') }),
);

const messages = [{ role: 'user', content: 'Say hello.' }];
const asked = { model: 'gpt-4o-mini', input: 'Say hello.' };

/** By protocol name. */
const DESCRIBED: Readonly<Record<string, Described>> = {
  'openai-chat': {
    id: 'createChatCompletion',
    errors: 'openai',
    body: named('ChatCompletionRequest', chatRequest),
    example: { model: 'gpt-4o-mini', messages },
    answer: chatCompletion,
    stream: chatEvents,
  },
  'openai-responses': {
    id: 'createResponse',
    errors: 'openai',
    body: responsesBody,
    example: asked,
    answer: response,
    stream: responseEvents,
  },
  'openai-responses-compact': {
    id: 'compactResponse',
    errors: 'openai',
    body: responsesBody,
    example: asked,
    answer: compaction,
  },
  'openai-completions': {
    id: 'createCompletion',
    errors: 'openai',
    body: named('CompletionRequest', completionsRequest),
    example: { model: 'gpt-4o-mini', prompt: 'Say hello.' },
    answer: completion,
    stream: { events: completion, framing: 'Server-sent events with a completion in `data`, then `data: [DONE]`.' },
  },
  'openai-embeddings': {
    id: 'createEmbedding',
    errors: 'openai',
    body: named('EmbeddingRequest', embeddingsRequest),
    example: { model: 'text-embedding-3-small', input: 'Say hello.' },
    answer: embeddings,
  },
  'anthropic-messages': {
    id: 'createMessage',
    errors: 'anthropic',
    body: named('MessagesRequest', messagesRequest),
    example: { model: 'claude-sonnet-4-5', max_tokens: 256, messages },
    answer: message,
    stream: { events: messageEvent, framing: 'Server-sent events named by their `type`; the last is `message_stop`.' },
    headers: ['anthropic-version', 'anthropic-beta'],
  },
  'anthropic-count-tokens': {
    id: 'countMessageTokens',
    errors: 'anthropic',
    body: named('CountTokensRequest', countRequest),
    example: { model: 'claude-sonnet-4-5', messages },
    answer: tokenCount,
    headers: ['anthropic-version', 'anthropic-beta'],
  },
};

const geminiBody = named('GenerateContentRequest', geminiRequest);

function answersOf(answer: z.ZodType, stream?: Content): Record<number, Answer> {
  return {
    200: {
      description: stream === undefined ? 'The response.' : 'The response; a stream of events if `stream` is true.',
      content: { [JSON_TYPE]: answer, ...(stream === undefined ? {} : { [EVENTS_TYPE]: stream }) },
      headers: ANSWER_HEADERS,
    },
    202: {
      description: 'Accepted (with `Prefer: respond-async`).',
      content: json(accepted),
      headers: ['x-request-id', 'location', 'retry-after'],
    },
  };
}

function describe(endpoint: ClientEndpoint): Operation[] {
  const routes = pathsOf(endpoint).map((path) => `${endpoint.method} ${path}`);
  const common = { tag: 'inference', access: 'client', failures: INFERENCE_FAILURES } as const;
  const known = DESCRIBED[endpoint.errors.name];
  if (known === undefined) return GEMINI_METHODS.map((method) => ({ ...common, routes, ...method }));
  const { id, errors, body, example, answer, stream, headers = [] } = known;
  return [
    {
      ...common,
      routes,
      id,
      errors: [errors],
      summary: endpoint.summary,
      description: FREELY,
      headers: [...HEADERS, ...headers],
      body: { content: json(body), example },
      answers: answersOf(answer, stream),
    },
  ];
}

const FREELY = 'Parameters that are not listed here are passed to the provider unchanged.';

/** One route for three methods: the last path segment is `MODEL:METHOD`. */
const GEMINI_METHODS = [
  {
    id: 'generateContent',
    summary: 'Gemini generateContent with any configured model',
    answers: answersOf(generated),
  },
  {
    id: 'streamGenerateContent',
    summary: 'Gemini streamGenerateContent: events with `alt=sse`, else one JSON array sent in pieces',
    query: z.object({ alt: z.enum(['sse', 'json']).optional() }),
    answers: answersOf(generatedList, { events: generated, framing: 'Server-sent events with a response in `data`.' }),
  },
  {
    id: 'countTokens',
    summary: 'Input tokens of a request, counted by the provider or estimated',
    answers: answersOf(geminiCount),
  },
].map((method) => ({
  ...method,
  description: FREELY,
  errors: ['gemini'] as const,
  headers: HEADERS,
  rest: 'model',
  pathOf: (path: string) => `${path}:${method.id}`,
  body: {
    example: { contents: [{ role: 'user', parts: [{ text: 'Say hello.' }] }] },
    content: json(method.id === 'countTokens' ? named('GeminiCountRequest', geminiCountBody()) : geminiBody),
  },
}));

/** Either contents or a whole request. */
function geminiCountBody() {
  return z.union([geminiRequest, z.looseObject({ generateContentRequest: geminiRequest })]);
}

export const INFERENCE_OPERATIONS: readonly Operation[] = [
  ...CLIENT_ENDPOINTS.flatMap(describe),
  ...group({ tag: 'inference', access: 'client', errors: ['openai'] }, [
    {
      routes: under(OPENAI_PREFIXES, 'POST', '/responses/input_tokens'),
      id: 'countInputTokens',
      summary: 'Input tokens of a request',
      body: {
        content: json(
          named('InputTokensRequest', responsesBody.extend({ model: responsesBody.shape.model.nullish() })),
        ),
      },
      answers: ok(
        named('InputTokens', z.object({ object: z.literal('response.input_tokens'), input_tokens: count })),
        'An estimate that is the same for all models.',
      ),
      failures: ['previous_response_not_found', 'conversation_not_found'],
    },
    {
      routes: under(OPENAI_PREFIXES, 'GET', '/responses'),
      id: 'openResponsesSocket',
      summary: 'The Responses API over a WebSocket: one `response.create` per turn, its events in return',
      answers: { 101: { description: 'Switching to the WebSocket protocol.' } },
      failures: ['method_not_allowed', 'websocket_connection_limit_reached', 'upgrade_unsupported', 'shutting_down'],
    },
  ]),
];
