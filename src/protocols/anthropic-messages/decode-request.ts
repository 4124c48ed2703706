// A request of an Anthropic client in the canonical form.
import type { Failure } from '../../contracts/failure.ts';
import type {
  InferenceRequest,
  OutputFormat,
  ReasoningRequest,
  Sampling,
  Turn,
} from '../../contracts/inference-request.ts';
import type { JsonObject } from '../codec.ts';
import { mergeExtras } from '../effective-request.ts';
import { BlockDecoder } from './decode-blocks.ts';
import { decodeTools } from './decode-tools.ts';
import { Decoding } from './decoding.ts';
import { asNumber, asObject, asObjects, asText, defined } from './loose-json.ts';
import { BROKER_MEMBERS } from './read-request.ts';

/** Members that are decoded, or are the broker's. Every other is unmapped. */
const DECODED = new Set<string>([
  ...BROKER_MEMBERS,
  ...(
    'model messages system max_tokens stop_sequences stream tools tool_choice thinking output_config metadata ' +
    'service_tier temperature top_p top_k'
  ).split(' '),
]);

export function decodeMessagesRequest(sent: JsonObject): InferenceRequest | Failure {
  const { body, extraKeys } = mergeExtras(sent);
  const decoding = new Decoding();
  const extraBody: JsonObject = {};
  for (const [name, value] of Object.entries(body)) {
    if (DECODED.has(name) || value === null) continue;
    if (extraKeys.has(name)) extraBody[name] = value;
    else decoding.unmapped[name] = value;
  }
  const request: InferenceRequest = {
    turns: decodeTurns(body, decoding),
    ...decodeTools(body, decoding),
    sampling: decodeSampling(body),
    ...defined({
      maxOutputTokens: asNumber(body.max_tokens),
      stop: Array.isArray(body.stop_sequences) ? body.stop_sequences.map(asText) : undefined,
      output: decodeOutput(asObject(body.output_config)),
      reasoning: decodeReasoning(asObject(body.thinking), asObject(body.output_config), decoding),
      endUser: asText(asObject(body.metadata)?.user_id) || undefined,
      serviceTier: decodeServiceTier(body.service_tier),
      extraBody: Object.keys(extraBody).length === 0 ? undefined : extraBody,
    }),
    unmapped: decoding.unmapped,
  };
  return decoding.failure ?? request;
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

function decodeOutput(config: JsonObject | null): OutputFormat | undefined {
  const format = asObject(config?.format);
  const schema = asObject(format?.schema);
  return format?.type === 'json_schema' && schema !== null
    ? { kind: 'json-schema', schema, isStrict: true }
    : undefined;
}

/** What only Anthropic's models know (`between_tools`) is unmapped; the effort holds with and without thinking. */
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
      // Models that take a budget show a summary unless they are told not to.
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
