// Reads a chat completion request, as strictly as the provider does where a broker could get it wrong, and no further.
import { estimateMessages } from '../../../../src/protocols/openai-chat/request/read-request.ts';
import type { AnswerFormat, Call } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import { estimateJson, readBody, readModel, readStreamOptions } from '../openai/read-body.ts';
import { readStop } from '../openai/read-stop.ts';
import { type Body, readBoolean, readObject, readWholeNumber } from '../read-fields.ts';
import { ChatVoice } from './chat-voice.ts';
import { readConversation } from './read-conversation.ts';
import { readToolChoice, readTools } from './read-tools.ts';

const MOST_CHOICES = 128;

export function readChatCall(value: unknown): { call: Call; voice: ChatVoice } {
  const body = readBody(value);
  const model = readModel(body);
  const messages = readMessages(body);
  const isStream = readBoolean(body, 'stream') ?? false;
  const options = readStreamOptions(body, isStream);
  const tools = readTools(body);
  const call: Call = {
    model,
    isStream,
    promptTokens: estimateMessages(messages) + estimateJson(body.tools) + estimateJson(body.functions),
    ...readConversation(messages),
    maxOutputTokens: readMaxTokens(body),
    choices: readWholeNumber(body, 'n', 1, MOST_CHOICES) ?? 1,
    stop: readStop(body),
    seed: typeof body.seed === 'number' ? body.seed : null,
    tools,
    toolChoice: readToolChoice(body, tools),
    isToolUseParallel: readBoolean(body, 'parallel_tool_calls') ?? true,
    format: readFormat(body),
    // OpenAI shows none here; a command can.
    showsReasoning: false,
  };
  return { call, voice: new ChatVoice({ model, wantsUsage: options.include_usage === true }) };
}

function readMessages({ messages }: Body): readonly Body[] {
  if (messages === undefined) {
    throw invalid("Missing required parameter: 'messages'.", 'messages', 'missing_required_parameter');
  }
  if (!Array.isArray(messages)) {
    throw invalid("Invalid type for 'messages': expected an array of objects.", 'messages', 'invalid_type');
  }
  if (messages.length === 0) {
    throw invalid(
      "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      'messages',
      'empty_array',
    );
  }
  return messages.map((message, index) => readMessage(message, `messages[${index}]`));
}

const ROLES = new Set(['developer', 'system', 'user', 'assistant', 'tool', 'function']);

function readMessage(message: unknown, param: string): Body {
  const body = readObject(message, param);
  if (typeof body.role !== 'string') {
    throw invalid(`Missing required parameter: '${param}.role'.`, `${param}.role`, 'missing_required_parameter');
  }
  if (!ROLES.has(body.role)) {
    const wanted = [...ROLES].map((role) => `'${role}'`).join(', ');
    throw invalid(`Invalid value: '${body.role}'. Supported values are: ${wanted}.`, `${param}.role`, 'invalid_value');
  }
  return body;
}

function readMaxTokens(body: Body): number | null {
  const current = readWholeNumber(body, 'max_completion_tokens', 1, Number.MAX_SAFE_INTEGER);
  const deprecated = readWholeNumber(body, 'max_tokens', 1, Number.MAX_SAFE_INTEGER);
  if (current !== null && deprecated !== null) {
    throw invalid("Setting 'max_tokens' and 'max_completion_tokens' at the same time is not supported.", 'max_tokens');
  }
  return current ?? deprecated;
}

function readFormat({ response_format: value }: Body): AnswerFormat {
  if (value === undefined || value === null) return { kind: 'text' };
  const format = readObject(value, 'response_format');
  switch (format.type) {
    case 'text':
      return { kind: 'text' };
    case 'json_object':
      return { kind: 'json' };
    case 'json_schema':
      return { kind: 'schema', schema: readObject(format.json_schema, 'response_format.json_schema').schema ?? {} };
    default:
      throw invalid(
        `Invalid value: '${format.type}'. Supported values are: 'json_object', 'json_schema', and 'text'.`,
        'response_format.type',
        'invalid_value',
      );
  }
}
