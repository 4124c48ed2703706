// An Anthropic message, not streamed, in the canonical form.
import type { Answer } from '#src/contracts/answer.ts';
import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type { Part, Signature } from '#src/contracts/inference-request.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { contentBytes, decodeCitation } from '#src/protocols/anthropic-messages/blocks.ts';
import { readMessagesEventFailure } from '#src/protocols/anthropic-messages/failures.ts';
import { asObject, asObjects, asText, defined } from '#src/protocols/anthropic-messages/loose-json.ts';
import { ANSWER_TOOL } from '#src/protocols/anthropic-messages/request/encode-tools.ts';
import {
  billedUsage,
  insertCost,
  readMessagesUsage,
  readServiceTier,
  writeMessagesUsage,
} from '#src/protocols/anthropic-messages/usage.ts';
import { callIdFor, type DecodeContext, type JsonObject } from '#src/protocols/codec.ts';
import type { RelayContext, RelayedBody } from '#src/protocols/protocol.ts';
import { countedOr } from '#src/protocols/providers/counts.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import { editObject, memberBytes } from '#src/protocols/wire/json-object.ts';
import { readRefusal, readStopReason } from './encode-answer.ts';

export function decodeMessagesAnswer(body: unknown, context: DecodeContext): Answer | Failure {
  const message = asObject(body);
  if (message?.type === 'error') return readMessagesEventFailure(message);
  if (!Array.isArray(message?.content)) return NOT_A_MESSAGE;
  const parts = nameCalls(asObjects(message.content).flatMap(decodeBlock), context);
  const hasToolCall = parts.some(({ kind }) => kind === 'tool-call');
  const usage = readMessagesUsage(message.usage);
  const refusal = readRefusal(message.stop_reason, message.stop_details);
  return {
    id: asText(message.id),
    model: asText(message.model),
    choices: [
      {
        index: 0,
        parts: refusal === '' ? parts : [...parts, { kind: 'refusal', text: refusal }],
        finishReason: readStopReason(message.stop_reason, hasToolCall),
        ...defined({ stopSequence: asText(message.stop_sequence) || undefined }),
      },
    ],
    usage: usage === null ? null : billedUsage(usage, message.stop_reason, message.content.length > 0),
    ...defined({ serviceTier: readServiceTier(message.usage) }),
  };
}

/** Ids for calls whose provider gave them none. */
function nameCalls(parts: Part[], context: DecodeContext): Part[] {
  let ordinal = 0;
  return parts.map((part) => {
    if (part.kind !== 'tool-call') return part;
    const id = callIdFor(context, ordinal++);
    return part.id === '' ? { ...part, id } : part;
  });
}

/** Blocks of server tools are left out, because the text based on them follows. Unknown blocks are left out too. */
function decodeBlock(block: JsonObject): Part[] {
  switch (block.type) {
    case 'text':
      return [decodeText(block)];
    case 'thinking':
      return [
        { kind: 'reasoning', text: asText(block.thinking), ...defined({ signature: ownSignature(block.signature) }) },
      ];
    case 'redacted_thinking':
      return [{ kind: 'reasoning', text: '', isRedacted: true, ...defined({ signature: ownSignature(block.data) }) }];
    case 'tool_use':
      // A call without a name cannot be made.
      return asText(block.name).trim() === '' ? [] : [decodeCall(block)];
    default:
      return [];
  }
}

function decodeText(block: JsonObject): Part {
  const text = asText(block.text);
  const citations = asObjects(block.citations).map((citation) => decodeCitation(citation, text));
  return { kind: 'text', text, ...(citations.length === 0 ? {} : { citations }) };
}

export function ownSignature(value: unknown): Signature | undefined {
  const text = asText(value);
  return text === '' ? undefined : { origin: 'anthropic-messages', value: text };
}

function decodeCall({ id, name, input }: JsonObject): Part {
  const text = JSON.stringify(asObject(input) ?? {});
  if (name === ANSWER_TOOL) return { kind: 'text', text };
  return { kind: 'tool-call', id: asText(id), name: asText(name), arguments: text };
}

// A message from a Messages provider, not streamed: the provider's bytes with the cost added.

const NOT_A_MESSAGE = createFailure(
  'upstream_malformed',
  'The provider responded with 200, but the body is not a message.',
);

export function relayMessagesBody(body: Buffer, context: RelayContext): RelayedBody {
  const message = asObject(parseJson(body.toString()));
  if (message?.type === 'error') return { body, usage: NO_USAGE, failure: readMessagesEventFailure(message) };
  if (!Array.isArray(message?.content)) return { body, usage: NO_USAGE, failure: NOT_A_MESSAGE };
  const counted = countedOr(readMessagesUsage(message.usage), estimateUsage(message, context));
  const usage = billedUsage(counted, message.stop_reason, message.content.length > 0);
  const shown = context.priceUsage(usage);
  return { body: insertCost(nameModel(body, context), shown, writeMessagesUsage(usage)), usage };
}

/** A message names the requested model (`messageHead` in encode-answer.ts). */
export function nameModel(message: Buffer, { requestedModel }: RelayContext): Buffer {
  if (requestedModel === undefined) return message;
  const name = JSON.stringify(requestedModel);
  if (memberBytes(message, 'model')?.toString() === name) return message;
  return editObject(message, { set: new Map([['model', name]]) });
}

function estimateUsage({ content }: JsonObject, context: RelayContext): Usage {
  const outputTokens = tokensOfBytes(contentBytes(content));
  return { ...NO_USAGE, inputTokens: context.estimatedInputTokens, outputTokens, isEstimated: true };
}
