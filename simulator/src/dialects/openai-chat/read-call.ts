// Reads a chat completion request. As strict as the provider only where a broker could make mistakes.
import { estimateMessages } from '../../../../src/protocols/openai-chat/request/read-request.ts';
import { type AnswerFormat, type Call, describeTurn, type Tool, type ToolChoice } from '../../engine/call.ts';
import { invalid } from '../../engine/refusal.ts';
import { estimateJson, readBody, readModel, readStreamOptions } from '../openai/read-body.ts';
import { readStop } from '../openai/read-stop.ts';
import { checkToolChoice, readToolName } from '../openai/tool-names.ts';
import { type Body, readBoolean, readObject, readWholeNumber } from '../read-fields.ts';
import { ChatVoice } from './chat-voice.ts';

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
    // OpenAI shows no reasoning here; a command can enable it.
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

// The conversation of a chat request in the engine's form.

type Conversation = Pick<Call, 'promptText' | 'lastUserText' | 'endsWithToolResult' | 'toolResults' | 'prefill'>;

export function readConversation(messages: readonly Body[]): Conversation {
  const last = messages.at(-1)!;
  const hasPrefill = last.role === 'assistant' && !Array.isArray(last.tool_calls);
  const prompt = hasPrefill ? messages.slice(0, -1) : messages;
  const lastUser = messages.findLast((message) => message.role === 'user');
  return {
    promptText: prompt.map((message) => describeTurn(String(message.role), textOf(message))).join(''),
    lastUserText: lastUser === undefined ? '' : textOf(lastUser),
    endsWithToolResult: isToolResult(last),
    toolResults: messages.filter(isToolResult).length,
    prefill: hasPrefill ? textOf(last) : null,
  };
}

function isToolResult({ role }: Body): boolean {
  return role === 'tool' || role === 'function';
}

function textOf(message: Body): string {
  const { content, tool_calls: calls } = message;
  const text = typeof content === 'string' ? content : Array.isArray(content) ? content.map(textOfPart).join('') : '';
  return Array.isArray(calls) ? text + calls.map(textOfCall).join('') : text;
}

/** Other parts are described by kind and size, because their bytes may be many. */
function textOfPart(part: unknown): string {
  const { type, text, ...rest } = (part ?? {}) as Body;
  if (typeof text === 'string') return text;
  return `[${type} ${JSON.stringify(rest).length}]`;
}

/** Without the id, which differs between providers while the answer must not. */
function textOfCall(call: unknown): string {
  const { function: called, custom } = (call ?? {}) as Record<string, Body | undefined>;
  return `[${called?.name ?? custom?.name} ${called?.arguments ?? custom?.input}]`;
}

// Tools and the choice between them in a chat request.

const MOST_NAME_CHARACTERS = 64;

export function readTools({ tools }: Body): readonly Tool[] {
  if (tools === undefined || tools === null) return [];
  if (!Array.isArray(tools)) throw invalid("Invalid type for 'tools': expected an array.", 'tools', 'invalid_type');
  return tools.map((tool, index) => readTool(readObject(tool, `tools[${index}]`), `tools[${index}]`));
}

function readTool(tool: Body, param: string): Tool {
  if (tool.type === 'function') {
    const { name, parameters } = readObject(tool.function, `${param}.function`);
    return { name: readName(name, `${param}.function.name`), parameters: parameters ?? null, takesText: false };
  }
  if (tool.type === 'custom') {
    const { name } = readObject(tool.custom, `${param}.custom`);
    return { name: readName(name, `${param}.custom.name`), parameters: null, takesText: true };
  }
  const message = `Invalid value: '${tool.type}'. Supported values are: 'function' and 'custom'.`;
  throw invalid(message, `${param}.type`, 'invalid_value');
}

function readName(name: unknown, param: string): string {
  return readToolName(name, param, MOST_NAME_CHARACTERS);
}

export function readToolChoice({ tool_choice: choice }: Body, tools: readonly Tool[]): ToolChoice {
  if (choice === undefined || choice === null) return { mode: 'auto', allowed: null };
  if (tools.length === 0) {
    throw invalid(
      "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
      'tool_choice',
    );
  }
  if (choice === 'auto' || choice === 'none' || choice === 'required') return { mode: choice, allowed: null };
  return checkToolChoice(readChosen(readObject(choice, 'tool_choice')), tools);
}

function readChosen(choice: Body): ToolChoice {
  if (choice.type === 'allowed_tools') {
    const { mode, tools } = readObject(choice.allowed_tools, 'tool_choice.allowed_tools');
    return { mode: mode === 'required' ? 'required' : 'auto', allowed: Array.isArray(tools) ? tools.map(nameOf) : [] };
  }
  return { mode: 'required', allowed: [nameOf(choice)] };
}

function nameOf(tool: unknown): string {
  const { function: called, custom } = (tool ?? {}) as Record<string, Body | undefined>;
  return String(called?.name ?? custom?.name);
}
