// A request in the canonical form as an Anthropic request.
import type { InferenceRequest, Sampling } from '#src/contracts/inference-request.ts';
import { limitBreakpoints } from '#src/protocols/anthropic-messages/blocks.ts';
import { beginsWithoutThought, isThought } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { defined } from '#src/protocols/anthropic-messages/loose-json.ts';
import { Encoding, type ModelTraits, traitsOf } from '#src/protocols/anthropic-messages/models.ts';
import type { EncodedRequest, EncodeRequestInput, JsonObject, Refusal, RequestField } from '#src/protocols/codec.ts';
import { type Conversation, encodeConversation } from './encode-conversation.ts';
import { encodeThinking } from './encode-thinking.ts';
import { type EncodedOutput, type EncodedTools, encodeOutput, encodeTools, isForced } from './encode-tools.ts';

export function encodeMessagesRequest(request: InferenceRequest, input: EncodeRequestInput): EncodedRequest | Refusal {
  const encoding = new Encoding();
  const traits = traitsOf(input.upstreamModel);
  const conversation = encodeConversation(request.turns, traits, encoding);
  const output = encodeOutput(request, traits, isPrefilled(conversation), encoding);
  const tools = withAnswerTool(encodeTools(request, traits, encoding), output);
  const { thinking, effort, maxTokens } = encodeThinking(
    {
      reasoning: request.reasoning,
      maxOutputTokens: request.maxOutputTokens,
      traits,
      isToolForced: isForced(request),
      isThoughtMissing: isThoughtMissing(conversation),
    },
    encoding,
  );
  const isThinking = thinking?.type === 'adaptive' || thinking?.type === 'enabled';
  noteUnsaid(request, encoding);
  limitBreakpoints([
    ...(tools.tools ?? []),
    ...conversation.system,
    ...conversation.messages.flatMap(({ content }) => content),
  ]);
  const config = defined({ effort, format: output.format });
  const body = {
    model: input.upstreamModel,
    max_tokens: maxTokens,
    ...defined({ system: writeSystem(conversation.system, output.instruction) }),
    messages: conversation.messages,
    ...tools,
    ...defined({
      thinking,
      output_config: Object.keys(config).length === 0 ? undefined : config,
      stop_sequences: encodeStop(request, encoding),
      metadata: request.endUser === undefined ? undefined : { user_id: request.endUser },
      service_tier: encodeServiceTier(request, encoding),
    }),
    ...encodeSampling(request.sampling, traits, isThinking, encoding),
    ...(input.isStream ? { stream: true } : {}),
  };
  const reshaped = output.tool === undefined ? {} : { isReshaped: true as const };
  return encoding.refusal ?? { kind: 'request', body, dropped: [...encoding.dropped], ...reshaped };
}

/** Adds the answer tool: the model must call it, or one of the client's tools. */
function withAnswerTool(encoded: EncodedTools, { tool }: EncodedOutput): EncodedTools {
  if (tool === undefined) return encoded;
  const { tools = [], tool_choice: choice } = encoded;
  if (tools.length === 0 || choice?.type === 'none') {
    return { tools: [tool], tool_choice: { type: 'tool', name: tool.name } };
  }
  return { tools: [...tools, tool], tool_choice: { ...choice, type: 'any' } };
}

function isPrefilled({ messages }: Conversation): boolean {
  return messages.at(-1)?.role === 'assistant';
}

/** Whether the last assistant turn begins without a thought, and calls tools or is to be continued. */
function isThoughtMissing(conversation: Conversation): boolean {
  const last = conversation.messages.findLast(({ role }) => role === 'assistant')?.content ?? [];
  return beginsWithoutThought(last) || (isPrefilled(conversation) && !isThought(last[0]));
}

/** A single plain text is written as a string, as users do. */
function writeSystem(
  system: readonly JsonObject[],
  instruction: string | undefined,
): string | JsonObject[] | undefined {
  const blocks = instruction === undefined ? system : [...system, { type: 'text', text: instruction }];
  const [first] = blocks;
  if (first === undefined) return undefined;
  return blocks.length === 1 && first.cache_control === undefined ? String(first.text) : [...blocks];
}

/** Sequences of white space are refused. */
function encodeStop({ stop }: InferenceRequest, encoding: Encoding): string[] | undefined {
  const taken = stop?.filter((sequence) => sequence.trim() !== '');
  if (taken?.length !== stop?.length) encoding.drop('stop');
  return taken?.length === 0 ? undefined : taken;
}

const TIERS: Readonly<Record<string, string>> = { auto: 'auto', default: 'standard_only' };

function encodeServiceTier({ serviceTier }: InferenceRequest, encoding: Encoding): string | undefined {
  if (serviceTier === undefined) return undefined;
  const tier = TIERS[serviceTier];
  if (tier === undefined) encoding.drop('serviceTier');
  return tier;
}

/** Fields that Anthropic does not have are reported as dropped, or refused if the answer would be a different one. */
function noteUnsaid(request: InferenceRequest, encoding: Encoding): void {
  if ((request.choices ?? 1) > 1) encoding.refuse('choices', 'returns one choice per request');
  const media = request.modalities?.find((modality) => modality !== 'text');
  if (media !== undefined) encoding.refuse('modalities', `has no ${media} output`);
  const { seed, presencePenalty, frequencyPenalty } = request.sampling;
  const { image, speech, verbosity, logProbabilities, logitBias, metadata, promptCacheKey } = request;
  const unsaid = {
    seed,
    presencePenalty,
    frequencyPenalty,
    image,
    speech,
    verbosity,
    logProbabilities,
    logitBias,
    metadata,
    promptCacheKey,
  };
  for (const field of Object.keys(defined(unsaid)) as RequestField[]) encoding.drop(field);
}

// Sampling parameters. The newest models refuse them, and so does version 2026-10-21 for any model. Calls are sent
// with version 2023-06-01 (protocol.ts), with which older models accept them.

/** Anthropic's scale ends at half of OpenAI's. */
const MAX_TEMPERATURE = 1;
/** The only temperature that is accepted while thinking is on. */
const THINKING_TEMPERATURE = 1;
const LEAST_THINKING_TOP_P = 0.95;

function encodeSampling(sampling: Sampling, traits: ModelTraits, isThinking: boolean, encoding: Encoding): JsonObject {
  const { temperature, topP, topK } = sampling;
  const keep = <T>(field: RequestField, value: T | undefined, isTaken: boolean): T | undefined => {
    if (value !== undefined && !(isTaken && traits.takesSampling)) encoding.drop(field);
    return isTaken && traits.takesSampling ? value : undefined;
  };
  const clamped = temperature === undefined ? undefined : Math.min(temperature, MAX_TEMPERATURE);
  if (clamped !== temperature) encoding.drop('temperature');
  // Not both in one request (docs/reference/anthropic-messages.md section 2).
  const isTopPTaken = temperature === undefined;
  return defined({
    temperature: keep('temperature', clamped, !isThinking || clamped === THINKING_TEMPERATURE),
    top_p: keep('topP', topP, isTopPTaken && (!isThinking || (topP ?? 0) >= LEAST_THINKING_TOP_P)),
    top_k: keep('topK', topK, !isThinking),
  });
}
