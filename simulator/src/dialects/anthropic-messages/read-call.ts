// Reads a Messages request, as strictly as the provider does where a broker could get it wrong.
import type { AnswerFormat, Call } from '../../engine/call.ts';
import type { RequestHead } from '../dialect.ts';
import { checkOutputSchema } from './check-output-schema.ts';
import { checkSampling } from './check-sampling.ts';
import { checkThoughts } from './check-thoughts.ts';
import { measurePrompt } from './measure-prompt.ts';
import { MessageVoice } from './message-voice.ts';
import { traitsOf } from './model-traits.ts';
import { endsWithToolResult, readConversation } from './read-conversation.ts';
import {
  at,
  type Body,
  isAbsent,
  readFlag,
  readList,
  readOneOf,
  readStrictObject,
  readText,
  readWhole,
  refuse,
} from './read-fields.ts';
import { readPrompt } from './read-prompt.ts';
import { readThinking } from './read-thinking.ts';
import { readToolChoice, readTools } from './read-tools.ts';
import { readPrefill } from './read-turns.ts';
import { checkBetas, readVersion } from './versions.ts';

const MEMBERS = new Set(
  (
    'model messages max_tokens system stop_sequences stream tools tool_choice thinking output_config metadata service_tier ' +
    'speed cache_control container inference_geo diagnostics temperature top_p top_k fallbacks thread context_management ' +
    'mcp_servers billing_policy compaction'
  ).split(' '),
);

export function readMessagesCall(value: unknown, head: RequestHead): { call: Call; voice: MessageVoice } {
  const version = readVersion(head);
  checkBetas(head);
  const body = readStrictObject(value, '', MEMBERS);
  const model = readText(body.model, 'model');
  const maxTokens = readWhole(body.max_tokens, 'max_tokens', 1);
  const traits = traitsOf(model);
  const { system, turns } = readPrompt(body, traits, version);
  const hasToolResult = endsWithToolResult(turns);
  const thinking = readThinking(body, traits, maxTokens, hasToolResult);
  checkThoughts(turns, model, thinking);
  checkSampling(body, traits, thinking, version);
  checkSmallMembers(body);
  const prefill = readPrefill(turns, traits);
  const tools = readTools(body);
  const { promptTokens, cache, cacheLifetime } = measurePrompt(body, system, turns);
  const isStream = readFlag(body.stream, 'stream') ?? false;
  const call: Call = {
    model,
    isStream,
    promptTokens,
    cache,
    ...readConversation(system, prefill === null ? turns : turns.slice(0, -1)),
    endsWithToolResult: hasToolResult,
    prefill,
    maxOutputTokens: maxTokens,
    isOutputReserved: false,
    choices: 1,
    stop: readStop(body),
    seed: null,
    tools,
    ...readToolChoice(body, traits, thinking, tools),
    format: readFormat(body, prefill),
    showsReasoning: thinking.isOn && thinking.display === 'summarized',
    reasoningTokens: thinking.isOn ? thinking.tokens : 0,
  };
  const request = { model, version, isStream, maxTokens, hasThoughts: thinking.isOn, cacheLifetime };
  return { call, voice: new MessageVoice(request) };
}

function readStop({ stop_sequences: stop }: Body): readonly string[] {
  if (isAbsent(stop)) return [];
  return readList(stop, 'stop_sequences').map((sequence, index) => {
    const text = readText(sequence, `stop_sequences.${index}`);
    return text.trim() === '' ? refuse('stop_sequences', 'each stop sequence must contain non-whitespace') : text;
  });
}

const CONFIG_MEMBERS = new Set(['effort', 'format', 'task_budget']);
const FORMAT_MEMBERS = new Set(['type', 'schema']);

function readFormat({ output_config: value }: Body, prefill: string | null): AnswerFormat {
  if (isAbsent(value)) return { kind: 'text' };
  const config = readStrictObject(value, 'output_config', CONFIG_MEMBERS);
  if (isAbsent(config.format)) return { kind: 'text' };
  const path = at('output_config', 'format');
  const format = readStrictObject(config.format, path, FORMAT_MEMBERS);
  readOneOf(format.type, at(path, 'type'), ['json_schema']);
  checkOutputSchema(format.schema, at(path, 'schema'));
  if (prefill !== null) refuse(path, 'output format is not supported with a prefilled assistant message');
  return { kind: 'schema', schema: format.schema };
}

const METADATA_MEMBERS = new Set(['user_id']);

function checkSmallMembers({ metadata, service_tier: tier, speed }: Body): void {
  if (!isAbsent(metadata)) readStrictObject(metadata, 'metadata', METADATA_MEMBERS);
  if (!isAbsent(tier)) readOneOf(tier, 'service_tier', ['auto', 'standard_only']);
  if (!isAbsent(speed)) readOneOf(speed, 'speed', ['standard', 'fast']);
}
