// A request of an Anthropic client in the canonical form.
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type {
  FunctionTool,
  InferenceRequest,
  OutputFormat,
  ReasoningRequest,
  Sampling,
  ToolChoice,
  Turn,
  WebSearch,
} from '#src/contracts/inference-request.ts';
import { readCacheControl } from '#src/protocols/anthropic-messages/blocks.ts';
import {
  asList,
  asNumber,
  asObject,
  asObjects,
  asText,
  defined,
} from '#src/protocols/anthropic-messages/loose-json.ts';
import { mergeExtras } from '#src/protocols/call/effective-request.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { checkMembers, checkTool } from './check-values.ts';
import { BlockDecoder, Decoding } from './decode-blocks.ts';
import { BROKER_MEMBERS } from './read-request.ts';

/** Members that are decoded, or that are the broker's own. All others are unmapped. */
const DECODED = new Set<string>([
  ...BROKER_MEMBERS,
  ...(
    'model messages system max_tokens stop_sequences stream tools tool_choice thinking output_config metadata ' +
    'service_tier temperature top_p top_k output_format'
  ).split(' '),
]);

/**
 * A thread is a conversation stored at Anthropic, whose requests contain only the new messages (beta
 * `message-threads-2026-08-12`). The SDKs that can do without one (@anthropic-ai/sdk 1.14.0, anthropic 2.14.0 for Python) then
 * send the whole conversation.
 */
export function refuseMessagesElsewhere(sent: JsonObject): Failure | null {
  const { thread, inference_geo: region } = mergeExtras(sent).body;
  if (thread !== undefined && thread !== null) {
    const message = 'Threads are not supported with this model: send the full conversation without `thread`.';
    const details = { error_code: 'thread_unsupported_request', unsupported: ['model'] };
    return createFailure('parameter_unsupported', `thread: ${message}`, { param: 'thread', details });
  }
  if (region === undefined || region === null || region === 'global') return null;
  const message = 'inference_geo: A request cannot choose the region at the provider of this model.';
  return createFailure('parameter_unsupported', message, { param: 'inference_geo' });
}

export function decodeMessagesRequest(sent: JsonObject): InferenceRequest | Failure {
  const { body, extraKeys } = mergeExtras(sent);
  const decoding = new Decoding();
  const extraBody: JsonObject = {};
  for (const [name, value] of Object.entries(body)) {
    if (DECODED.has(name) || value === null) continue;
    if (extraKeys.has(name)) extraBody[name] = value;
    else decoding.unmapped[name] = value;
  }
  noteWithin(body, decoding);
  checkMembers(body, decoding.fail);
  const request: InferenceRequest = {
    turns: decodeTurns(body, decoding),
    ...decodeTools(body, decoding),
    sampling: decodeSampling(body),
    ...defined({
      maxOutputTokens: asNumber(body.max_tokens),
      stop: Array.isArray(body.stop_sequences) ? body.stop_sequences.map(asText) : undefined,
      output: decodeOutput(asObject(body.output_config)?.format ?? body.output_format),
      reasoning: decodeReasoning(asObject(body.thinking), asObject(body.output_config), decoding),
      endUser: asText(asObject(body.metadata)?.user_id) || undefined,
      serviceTier: decodeServiceTier(body.service_tier),
      extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    }),
    unmapped: decoding.unmapped,
  };
  return decoding.failure ?? request;
}

/** Members that are read in part, with the inner members that are read. */
const DECODED_WITHIN: Readonly<Record<string, ReadonlySet<string>>> = {
  metadata: new Set(['user_id']),
  thinking: new Set(['type', 'budget_tokens', 'display']),
  output_config: new Set(['effort', 'format']),
  tool_choice: new Set(['type', 'name', 'disable_parallel_tool_use']),
};

function noteWithin(body: JsonObject, decoding: Decoding): void {
  for (const [name, known] of Object.entries(DECODED_WITHIN)) {
    noteOthers(asObject(body[name]) ?? {}, name, known, decoding);
  }
}

function decodeTurns({ system, messages }: JsonObject, decoding: Decoding): Turn[] {
  const blocks = new BlockDecoder(decoding);
  const turns: Turn[] = [];
  if (system !== undefined && system !== null) {
    turns.push({ role: 'system', parts: blocks.decodeContent(system, 'system') });
  }
  for (const [index, { role, content }] of asObjects(messages).entries()) {
    if (role !== 'user' && role !== 'assistant' && role !== 'system') {
      decoding.fail(`messages.${index}.role`, "Input should be 'user', 'assistant' or 'system'");
      continue;
    }
    turns.push({ role, parts: blocks.decodeContent(content, `messages.${index}.content`) });
  }
  return turns.filter(({ parts }) => parts.length > 0);
}

function decodeSampling({ temperature, top_p: topP, top_k: topK }: JsonObject): Sampling {
  return defined({ temperature: asNumber(temperature), topP: asNumber(topP), topK: asNumber(topK) });
}

/** `output_format` is the older place of it (beta `structured-outputs-2025-11-13`). */
function decodeOutput(value: unknown): OutputFormat | undefined {
  const format = asObject(value);
  const schema = asObject(format?.schema);
  return format?.type === 'json_schema' && schema !== null
    ? { kind: 'json-schema', schema, isStrict: true }
    : undefined;
}

/** Options of Anthropic's models alone (`between_tools`) are unmapped; the effort applies with and without thinking. */
function decodeReasoning(
  thinking: JsonObject | null,
  config: JsonObject | null,
  decoding: Decoding,
): ReasoningRequest | undefined {
  const effort = asText(config?.effort) || undefined;
  const display = asText(thinking?.display);
  const isShown = display === '' ? undefined : display !== 'omitted';
  switch (thinking?.type) {
    case 'disabled':
      return { effort: 'none' };
    case 'adaptive':
      return defined({ effort, isShown });
    case 'enabled':
      // Models that take a budget show a summary by default.
      return defined({ effort, budgetTokens: asNumber(thinking.budget_tokens), isShown: isShown ?? true });
    default:
      if (thinking !== null) decoding.unmapped['thinking.type'] = thinking.type;
      return effort === undefined ? undefined : { effort };
  }
}

function decodeServiceTier(tier: unknown): string | undefined {
  if (tier === 'standard_only') return 'default';
  return asText(tier) || undefined;
}

// Tools of a request and the choice between them, decoded.

type Tools = Pick<InferenceRequest, 'tools' | 'toolChoice' | 'allowsParallelToolCalls' | 'webSearch'>;

function decodeTools({ tools, tool_choice: choice }: JsonObject, decoding: Decoding): Tools {
  const decoded: Tools = { tools: [] };
  for (const [index, value] of asList(tools).entries()) {
    const tool = asObject(value) ?? {};
    const type = asText(tool.type);
    checkTool(value, `tools.${index}`, decoding.fail);
    if (type.startsWith('web_search_')) decoded.webSearch = decodeSearch(tool, decoding);
    else if (type !== '' && type !== 'custom') decoding.unmapped[`tools.${type}`] = tool;
    else if (asText(tool.name) === '') decoding.fail(`tools.${index}.name`, 'Field required');
    else decoded.tools.push(decodeTool(tool, decoding));
  }
  return { ...decoded, ...decodeChoice(asObject(choice), decoding) };
}

const TOOL_MEMBERS = new Set(['type', 'name', 'description', 'input_schema', 'strict', 'cache_control']);

function decodeTool(tool: JsonObject, decoding: Decoding): FunctionTool {
  const { name, description, input_schema: schema, strict } = tool;
  noteOthers(tool, 'tools', TOOL_MEMBERS, decoding);
  return {
    kind: 'function',
    name: asText(name),
    ...defined({
      description: asText(description) || undefined,
      parameters: asObject(schema) ?? undefined,
      isStrict: typeof strict === 'boolean' ? strict : undefined,
    }),
    ...readCacheControl(tool),
  };
}

const SEARCH_MEMBERS = new Set(
  'type name allowed_domains blocked_domains user_location max_uses cache_control'.split(' '),
);

function decodeSearch(tool: JsonObject, decoding: Decoding): WebSearch {
  noteOthers(tool, 'tools', SEARCH_MEMBERS, decoding);
  const location = asObject(tool.user_location);
  return defined({
    allowedDomains: textsOf(tool.allowed_domains),
    blockedDomains: textsOf(tool.blocked_domains),
    maxUses: asNumber(tool.max_uses),
    userLocation: location === null ? undefined : readLocation(location),
  });
}

function readLocation({ city, region, country, timezone }: JsonObject): WebSearch['userLocation'] {
  const named = { city, region, country, timezone };
  return Object.fromEntries(Object.entries(named).filter(([, value]) => typeof value === 'string'));
}

/** An empty list limits nothing. */
function textsOf(value: unknown): string[] | undefined {
  const texts = asList(value).filter((text) => typeof text === 'string');
  return texts.length === 0 ? undefined : texts;
}

/** Members that no other protocol has. */
function noteOthers(object: JsonObject, path: string, known: ReadonlySet<string>, decoding: Decoding): void {
  for (const [member, value] of Object.entries(object)) {
    if (!known.has(member) && value !== null && value !== undefined) decoding.unmapped[`${path}.${member}`] = value;
  }
}

const CHOICES: Readonly<Record<string, 'auto' | 'none' | 'required'>> = { auto: 'auto', any: 'required', none: 'none' };

function decodeChoice(choice: JsonObject | null, decoding: Decoding): Partial<Tools> {
  if (choice === null) return {};
  const parallel = choice.disable_parallel_tool_use === true ? { allowsParallelToolCalls: false } : {};
  return { ...parallel, ...defined({ toolChoice: toolChoiceOf(choice, decoding) }) };
}

function toolChoiceOf({ type, name }: JsonObject, decoding: Decoding): ToolChoice | undefined {
  if (type === 'tool') {
    if (asText(name) === '') decoding.fail('tool_choice.name', 'Field required');
    return { kind: 'tool', name: asText(name) };
  }
  const kind = CHOICES[asText(type)];
  if (kind !== undefined) return { kind };
  decoding.fail('tool_choice.type', `'${String(type)}' does not match 'auto', 'any', 'tool' or 'none'`);
  return undefined;
}
