// An Anthropic stream in the canonical form (docs/reference/anthropic-messages.md section 4). Blocks do not interleave;
// unknown blocks, deltas and events are ignored, as Anthropic asks of its clients.
import type { AnswerEvent, PartStart } from '#src/contracts/answer.ts';
import type { Signature } from '#src/contracts/inference-request.ts';
import { NO_USAGE, type Usage } from '#src/contracts/usage.ts';
import { ownSignature } from '#src/protocols/anthropic-messages/answer/decode-answer.ts';
import { readRefusal, readStopReason } from '#src/protocols/anthropic-messages/answer/encode-answer.ts';
import { decodeCitation, deltaBytes } from '#src/protocols/anthropic-messages/blocks.ts';
import { readMessagesEventFailure } from '#src/protocols/anthropic-messages/failures.ts';
import { asObject, asText, defined } from '#src/protocols/anthropic-messages/loose-json.ts';
import { ANSWER_TOOL } from '#src/protocols/anthropic-messages/request/encode-tools.ts';
import {
  billedUsage,
  mergeUsage,
  readMessagesUsage,
  readServiceTier,
} from '#src/protocols/anthropic-messages/usage.ts';
import { type AnswerDecoder, callIdFor, type DecodeContext, type JsonObject } from '#src/protocols/codec.ts';
import { tokensOfBytes } from '#src/protocols/providers/token-estimate.ts';
import { isDone, saidBy } from '#src/protocols/wire/event-data.ts';
import { parseJson } from '#src/protocols/wire/exact-json.ts';
import type { SseEvent } from '#src/protocols/wire/sse-splitter.ts';
import { MALFORMED } from './relay-stream.ts';

/** The block that is being streamed and is a part of the answer. */
interface OpenBlock {
  part: number;
  /** The answer tool, whose input is the answer's text, counts as a text. */
  kind: PartStart['kind'];
  isToolUse: boolean;
  /** Text so far, all of which citations support. */
  text: string;
  /** Input from a tool's start event, for tools without deltas. */
  input: string;
  citations: JsonObject[];
  signature: string;
  isRedacted: boolean;
}

export class MessagesDecoder implements AnswerDecoder {
  readonly #context: DecodeContext;
  #block: OpenBlock | null = null;
  #nextPart = 0;
  #toolCalls = 0;
  #counts: JsonObject | null = null;
  #outputBytes = 0;
  #serviceTier: string | undefined;
  #hasFinished = false;

  constructor(context: DecodeContext) {
    this.#context = context;
  }

  decode(event: SseEvent): AnswerEvent[] {
    const data = saidBy(event);
    if (data === null || isDone(data)) return [];
    const message = asObject(parseJson(data));
    if (message === null) return [{ kind: 'error', failure: MALFORMED }];
    switch (message.type) {
      case 'message_start':
        return this.#start(asObject(message.message) ?? {});
      case 'content_block_start':
        return [...this.#endBlock(), ...this.#startBlock(asObject(message.content_block) ?? {})];
      case 'content_block_delta':
        return this.#addDelta(asObject(message.delta) ?? {});
      case 'content_block_stop':
        return this.#endBlock();
      case 'message_delta':
        return this.#addToMessage(message);
      case 'message_stop':
        return [...this.#endBlock(), ...this.#finish({}), { kind: 'end' }];
      case 'ping':
        return [{ kind: 'ping' }];
      case 'error':
        return [{ kind: 'error', failure: readMessagesEventFailure(message) }];
      default:
        return [];
    }
  }

  /** Parts end with their blocks: nothing is held back. */
  close(): AnswerEvent[] {
    return [];
  }

  #start({ id, model, usage }: JsonObject): AnswerEvent[] {
    this.#counts = mergeUsage(this.#counts, usage);
    const start: AnswerEvent = {
      kind: 'answer-start',
      id: asText(id),
      model: asText(model),
      ...defined({ serviceTier: readServiceTier(usage) }),
    };
    this.#serviceTier = readServiceTier(usage);
    return [start, ...this.#usageSoFar()];
  }

  /** Anthropic sends the tier at the start, some gateways at the end. */
  #changedTier(usage: unknown): AnswerEvent[] {
    const serviceTier = readServiceTier(usage);
    if (serviceTier === undefined || serviceTier === this.#serviceTier) return [];
    this.#serviceTier = serviceTier;
    return [{ kind: 'service-tier', serviceTier }];
  }

  #startBlock(block: JsonObject): AnswerEvent[] {
    const start = this.#readStart(block);
    if (start === null) return [];
    const part = this.#nextPart++;
    this.#block = {
      part,
      kind: start.kind,
      isToolUse: block.type === 'tool_use',
      text: '',
      input: Object.keys(asObject(block.input) ?? {}).length === 0 ? '{}' : JSON.stringify(block.input),
      citations: [],
      signature: asText(block.signature) || asText(block.data),
      isRedacted: block.type === 'redacted_thinking',
    };
    const first = asText(block.text) || asText(block.thinking);
    return [{ kind: 'part-start', choice: 0, part, start }, ...this.#addText(this.#block, first)];
  }

  #readStart({ type, id, name }: JsonObject): PartStart | null {
    switch (type) {
      case 'text':
        return { kind: 'text' };
      case 'thinking':
      case 'redacted_thinking':
        return { kind: 'reasoning' };
      case 'tool_use':
        if (asText(name).trim() === '') return null;
        return name === ANSWER_TOOL ? { kind: 'text' } : this.#readCall(asText(id), asText(name));
      default:
        return null;
    }
  }

  #readCall(id: string, name: string): PartStart {
    const ordinal = this.#toolCalls++;
    return { kind: 'tool-call', id: id || callIdFor(this.#context, ordinal), name };
  }

  #addDelta(delta: JsonObject): AnswerEvent[] {
    this.#outputBytes += deltaBytes(delta);
    const block = this.#block;
    if (block === null) return [];
    switch (delta.type) {
      case 'text_delta':
        return this.#addText(block, asText(delta.text));
      case 'thinking_delta':
        return this.#addText(block, asText(delta.thinking));
      case 'input_json_delta':
        return this.#addText(block, asText(delta.partial_json));
      case 'signature_delta':
        block.signature += asText(delta.signature);
        return [];
      case 'citations_delta':
        block.citations.push(asObject(delta.citation) ?? {});
        return [];
      default:
        return [];
    }
  }

  #addText(block: OpenBlock, delta: string): AnswerEvent[] {
    if (delta === '') return [];
    block.text += delta;
    return [{ kind: 'part-delta', choice: 0, part: block.part, delta }, ...this.#usageSoFar()];
  }

  /** A tool without arguments may send no delta: its input is the one in its start, or an empty object. */
  #endBlock(): AnswerEvent[] {
    const block = this.#block;
    if (block === null) return [];
    const isSilentTool = block.isToolUse && block.text.trim() === '';
    const input = isSilentTool ? this.#addText(block, block.input) : [];
    this.#block = null;
    const { part, isRedacted } = block;
    const citations = block.citations.map((citation): AnswerEvent => {
      return { kind: 'part-citation', choice: 0, part, citation: decodeCitation(citation, block.text) };
    });
    const signature: Signature | undefined = block.kind === 'reasoning' ? ownSignature(block.signature) : undefined;
    const end = defined({ signature, isRedacted: isRedacted ? true : undefined });
    return [...input, ...citations, { kind: 'part-end', choice: 0, part, ...end }];
  }

  #addToMessage({ delta, usage }: JsonObject): AnswerEvent[] {
    this.#counts = mergeUsage(this.#counts, usage);
    const counted = readMessagesUsage(usage) === null ? null : readMessagesUsage(this.#counts);
    const end = asObject(delta) ?? {};
    const usageEvents: AnswerEvent[] =
      counted === null
        ? []
        : [
            {
              kind: 'usage',
              usage: billedUsage(counted, end.stop_reason, this.#outputBytes > 0),
            },
          ];
    const isLast = typeof end.stop_reason === 'string';
    return [
      ...this.#changedTier(usage),
      ...usageEvents,
      ...(isLast ? [...this.#endBlock(), ...this.#finish(end)] : []),
    ];
  }

  #finish({ stop_reason: reason, stop_sequence: sequence, stop_details: details }: JsonObject): AnswerEvent[] {
    if (this.#hasFinished) return [];
    this.#hasFinished = true;
    return [
      ...this.#refuse(readRefusal(reason, details)),
      {
        kind: 'finish',
        choice: 0,
        reason: readStopReason(reason, this.#toolCalls > 0),
        ...defined({ stopSequence: asText(sequence) || undefined }),
      },
    ];
  }

  #refuse(text: string): AnswerEvent[] {
    if (text === '') return [];
    const part = this.#nextPart++;
    return [
      { kind: 'part-start', choice: 0, part, start: { kind: 'refusal' } },
      { kind: 'part-delta', choice: 0, part, delta: text },
      { kind: 'part-end', choice: 0, part },
    ];
  }

  /**
   * What would be owed if the stream were cut here: `message_start` counts the input exactly, and of the output only its
   * first token.
   */
  #usageSoFar(): AnswerEvent[] {
    const counted = readMessagesUsage(this.#counts);
    if (counted === null || counted.isUncounted || this.#hasFinished) return [];
    const outputTokens = Math.max(counted.outputTokens, tokensOfBytes(this.#outputBytes));
    const usage: Usage = { ...NO_USAGE, ...counted, outputTokens, isEstimated: true };
    return [{ kind: 'usage', usage }];
  }
}
