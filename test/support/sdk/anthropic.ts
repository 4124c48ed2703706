// `@anthropic-ai/sdk` in both generations: 1.x sends a bearer and the newest API version, 0.x `x-api-key` and 2023-06-01.
import type Anthropic from '@anthropic-ai/sdk';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64, PDF_FILENAME } from '#test/fixtures/protocols/fixtures.ts';
import {
  MAX_TOKENS,
  type Question,
  RESULTS,
  type Reply,
  SCHEMA,
  type Sdk,
  THINKING_BUDGET,
  TOOLS,
} from './sdk-client.ts';

type Messages = Anthropic.MessageParam[];
type Body = Anthropic.MessageCreateParamsNonStreaming;

export function anthropicSdk(name: string, Client: typeof Anthropic): Sdk {
  return {
    name,
    finishes: { stop: 'end_turn', calls: 'tool_use' },
    connect(url, key) {
      const { messages: endpoint } = new Client({ baseURL: url, apiKey: key, maxRetries: 0 });
      return {
        async ask(question) {
          const messages = messagesOf(question);
          const { signal } = question;
          return readMessage(
            await endpoint.create(bodyOf(question, messages), { ...(signal ? { signal } : {}) }),
            messages,
            1,
          );
        },
        async stream(question) {
          const messages = messagesOf(question);
          const runner = endpoint.stream(bodyOf(question, messages));
          let pieces = 0;
          let more = {};
          runner.on('text', () => pieces++);
          runner.on('streamEvent', (event) => {
            if (event.type !== 'message_delta') return;
            const { usage, cost } = event as { usage: { cost?: unknown }; cost?: unknown };
            more = { cost: usage.cost, charge: cost };
          });
          return { ...readMessage(await runner.finalMessage(), messages, pieces), ...more };
        },
        async leave(question) {
          const stream = await endpoint.create({ ...bodyOf(question, messagesOf(question)), stream: true });
          for await (const event of stream) if (event.type === 'content_block_delta') break;
        },
        statusOf: (error) => (error instanceof Client.APIError ? error.status : undefined),
      };
    },
  };
}

function messagesOf({ after, prompt, attachment }: Question): Messages {
  const history = (after?.history ?? []) as Messages;
  const results = (after?.calls ?? []).map(({ id, name }) => ({
    type: 'tool_result' as const,
    tool_use_id: id,
    content: RESULTS[name]!,
  }));
  if (results.length > 0) return [...history, { role: 'user', content: results }];
  const text = { type: 'text' as const, text: prompt };
  return [...history, { role: 'user', content: attachment === undefined ? prompt : [attachmentOf(attachment), text] }];
}

function attachmentOf(kind: NonNullable<Question['attachment']>): Anthropic.ContentBlockParam {
  switch (kind) {
    case 'image':
      return { type: 'image', source: { type: 'base64', media_type: 'image/png', data: IMAGE_BASE64 } };
    case 'image-link':
      return { type: 'image', source: { type: 'url', url: IMAGE_URL } };
    case 'pdf':
      return {
        type: 'document',
        title: PDF_FILENAME,
        source: { type: 'base64', media_type: 'application/pdf', data: PDF_BASE64 },
      };
  }
}

function bodyOf({ model, system, hasTools, isJson, isThinking }: Question, messages: Messages): Body {
  return {
    model,
    messages,
    max_tokens: MAX_TOKENS,
    ...(system === undefined ? {} : { system }),
    ...(hasTools
      ? { tools: TOOLS.map(({ name, description, parameters }) => ({ name, description, input_schema: parameters })) }
      : {}),
    ...(isJson ? { output_config: { format: { type: 'json_schema', schema: SCHEMA } } } : {}),
    ...(isThinking ? { thinking: thinkingFor(model) } : {}),
  } as Body;
}

/** Models up to 4.5 take a budget and nothing else; applications know theirs. */
function thinkingFor(model: string) {
  return model.includes('-4-5')
    ? { type: 'enabled', budget_tokens: THINKING_BUDGET }
    : { type: 'adaptive', display: 'summarized' };
}

function readMessage(message: Anthropic.Message, messages: Messages, pieces: number): Reply {
  const { content, usage } = message;
  return {
    text: content.map((block) => (block.type === 'text' ? block.text : '')).join(''),
    reasoning: content.map((block) => (block.type === 'thinking' ? block.thinking : '')).join(''),
    calls: content.flatMap((block) =>
      block.type === 'tool_use' ? [{ id: block.id, name: block.name, input: block.input }] : [],
    ),
    finish: message.stop_reason,
    usage: {
      input: usage.input_tokens + (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0),
      output: usage.output_tokens,
    },
    cost: (usage as { cost?: unknown }).cost,
    charge: (message as { cost?: unknown }).cost,
    pieces,
    history: [...messages, { role: 'assistant', content } as Anthropic.MessageParam],
  };
}
