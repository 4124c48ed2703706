// Reads a Messages request, as strictly as the provider does where a broker could get it wrong.
import { type AnswerFormat, type Call, describeTurn } from '../../engine/call.ts';
import type { RequestHead } from '../dialect.ts';
import { checkOutputSchema } from './check-output-schema.ts';
import { measurePrompt } from './measure-prompt.ts';
import { MessageVoice } from './message-voice.ts';
import { traitsOf } from './model-traits.ts';
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
import { checkSampling, readThinking, type Thinking } from './read-thinking.ts';
import { readToolChoice, readTools } from './read-tools.ts';
import { readPrefill } from './read-turns.ts';
import { isGenuineThought } from './thought-signature.ts';
import { type Block, blocksOf, type Turn, textsOf } from './turn.ts';
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
    toolResults: turns.flatMap((turn) => blocksOf(turn, 'tool_result')).length,
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

// Thinking blocks that come back in the history: each must be unchanged, and a tool turn must keep its own if
// thinking has a budget. With adaptive thinking earlier turns need none (platform.claude.com, adaptive thinking, "Validation
// changes"; read 2026-11-28).

/** Checked even if this request disables thinking, as the provider has done since October 2025. */
export function checkThoughts(turns: readonly Turn[], model: string, thinking: Thinking): void {
  for (const block of turns.flatMap(({ blocks }) => blocks)) checkBlock(block, model);
  const last = turns.findLast(({ role }) => role === 'assistant');
  if (thinking.isManual && last !== undefined && blocksOf(last, 'tool_use').length > 0) checkBeginning(last);
}

function checkBlock({ type, body, path }: Block, model: string): void {
  if (type === 'thinking' && !isGenuineThought(body, model)) refuse(path, 'Invalid `signature` in `thinking` block');
  // The simulator never redacts thoughts, so it cannot have issued this block.
  if (type === 'redacted_thinking') refuse(path, 'Invalid `data` in `redacted_thinking` block');
}

function checkBeginning({ blocks, path }: Turn): void {
  const type = blocks[0]!.type;
  if (type === 'thinking') return;
  refuse(
    `${path}.content.0.type`,
    `Expected \`thinking\` or \`redacted_thinking\`, but found \`${type}\`. When \`thinking\` is enabled, a final ` +
      '`assistant` message must start with a thinking block (preceeding the lastmost set of `tool_use` and `tool_result` ' +
      'blocks). We recommend you include thinking blocks from previous turns. To avoid this requirement, disable ' +
      '`thinking`. Please consult our documentation at https://docs.claude.com/en/docs/build-with-claude/extended-thinking',
  );
}

// The conversation of a Messages request in the engine's form, identical to that of Chat (read-call.ts there): tool
// results are separate turns, thoughts are left out.

type Conversation = Pick<Call, 'promptText' | 'lastUserText'>;

/** `turns` without the one that the model is to continue. */
export function readConversation(system: readonly Block[], turns: readonly Turn[]): Conversation {
  const instructions = system.length === 0 ? '' : describeTurn('system', textsOf({ blocks: [...system] }));
  const lastSpoken = turns.findLast((turn) => turn.role === 'user' && textsOf(turn) !== '');
  return {
    promptText: instructions + turns.map(describe).join(''),
    lastUserText: lastSpoken === undefined ? '' : textsOf(lastSpoken),
  };
}

/** Whether tool results come last in the conversation. */
export function endsWithToolResult(turns: readonly Turn[]): boolean {
  const last = turns.findLast(({ role }) => role === 'user');
  return last === turns.at(-1) && last?.blocks.every(({ type }) => type === 'tool_result') === true;
}

function describe({ role, blocks }: Turn): string {
  const results = blocks.filter(({ type }) => type === 'tool_result');
  const others = blocks.filter(({ type }) => type !== 'tool_result');
  const answered = results.map(({ body }) => describeTurn('tool', textOfContent(body.content))).join('');
  return others.length === 0 ? answered : answered + describeTurn(role, others.map(describeBlock).join(''));
}

/** Without call ids, which differ between providers while the answer must not. */
function describeBlock({ type, body }: Block): string {
  switch (type) {
    case 'text':
      return String(body.text);
    case 'thinking':
      return '';
    case 'tool_use':
      return `[${body.name} ${JSON.stringify(body.input)}]`;
    default:
      return `[${type} ${JSON.stringify(body).length}]`;
  }
}

function textOfContent(content: unknown): string {
  if (!Array.isArray(content)) return typeof content === 'string' ? content : '';
  return content
    .map((part: Body) => (part.type === 'text' ? String(part.text) : `[${part.type} ${JSON.stringify(part).length}]`))
    .join('');
}
