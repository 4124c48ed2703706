// An Anthropic message, not streamed, in the canonical form.
import type { Answer } from '../../contracts/answer.ts';
import type { Failure } from '../../contracts/failure.ts';
import type { Part, Signature } from '../../contracts/inference-request.ts';
import { callIdFor, type DecodeContext, type JsonObject } from '../codec.ts';
import { decodeCitation } from './citations.ts';
import { ANSWER_TOOL } from './encode-output.ts';
import { asObject, asObjects, asText, defined } from './loose-json.ts';
import { readMessagesEventFailure } from './provider-failures.ts';
import { NOT_A_MESSAGE } from './relay-body.ts';
import { readRefusal, readStopReason } from './stop-reasons.ts';
import { billedUsage, readMessagesUsage, readServiceTier } from './usage.ts';

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

/** What server tools did is left out: the text that they led to stands beside it. Unknown blocks are, too. */
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
      // Without a name nobody can make it.
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
