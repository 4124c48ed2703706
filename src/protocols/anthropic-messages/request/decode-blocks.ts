// Content blocks of a request, decoded: one small function for each type.

import { createFailure, type Failure } from '#src/contracts/failure.ts';
import type {
  DocumentPart,
  ImagePart,
  MediaSource,
  Part,
  ReasoningPart,
  Signature,
  TextPart,
  ToolResultPart,
} from '#src/contracts/inference-request.ts';
import { readCacheControl, unescapeIdentifier } from '#src/protocols/anthropic-messages/blocks.ts';
import { readSignature } from '#src/protocols/anthropic-messages/foreign-thoughts.ts';
import { asObject, asObjects, asText } from '#src/protocols/anthropic-messages/loose-json.ts';
import type { JsonObject } from '#src/protocols/codec.ts';
import { standardBase64 } from '#src/protocols/wire/base64.ts';
import { checkBlock } from './check-values.ts';

/** Blocks of server tools are meaningful only to their own provider. The text based on them follows. */
const SERVER_BLOCKS = /^(server_tool_use|mcp_tool_use|container_upload|fallback|.+_tool_result)$/;

export class BlockDecoder {
  readonly #decoding: Decoding;
  /** Tool names by call id so far, because results have only the id. */
  readonly #toolNames = new Map<string, string>();

  constructor(decoding: Decoding) {
    this.#decoding = decoding;
  }

  /** `path` names the content: `messages.0.content`. */
  decodeContent(content: unknown, path: string): Part[] {
    if (typeof content === 'string') return [{ kind: 'text', text: content }];
    if (!Array.isArray(content)) {
      this.#decoding.fail(path, 'Input should be a text or a list of content blocks');
      return [];
    }
    return giveBackSignatures(content.flatMap((block, index) => this.#decodeBlock(block, `${path}.${index}`)));
  }

  #decodeBlock(value: unknown, path: string): Part[] {
    const block = asObject(value);
    const type = asText(block?.type);
    if (block !== null) checkBlock(block, path, this.#decoding.fail);
    switch (type) {
      case 'text':
        return [decodeTextBlock(block!)];
      case 'image':
        return decodeImage(block!, path, this.#decoding).map((part) => ({ ...part, ...readCacheControl(block!) }));
      case 'document':
        return decodeDocument(block!, path, this.#decoding).map((part) => ({ ...part, ...readCacheControl(block!) }));
      case 'search_result':
        return [decodeSearchResult(block!)];
      case 'tool_use':
        return [this.#decodeCall(block!)];
      case 'tool_result':
        return [this.#decodeResult(block!, path)];
      case 'compaction':
        return decodeCompaction(block!);
      case 'thinking':
        return decodeThinking(block!);
      case 'redacted_thinking':
        return decodeRedacted(block!);
      default:
        if (SERVER_BLOCKS.test(type)) this.#decoding.unmapped[`messages.${type}`] = block;
        else this.#decoding.fail(`${path}.type`, `'${type}' is not a content block that can be translated`);
        return [];
    }
  }

  #decodeCall(block: JsonObject): Part {
    const { id, name, input } = block;
    const callId = unescapeIdentifier(asText(id));
    this.#toolNames.set(callId, asText(name));
    return {
      kind: 'tool-call',
      id: callId,
      name: asText(name),
      arguments: JSON.stringify(input ?? {}),
      ...readCacheControl(block),
    };
  }

  #decodeResult(block: JsonObject, path: string): ToolResultPart {
    const callId = unescapeIdentifier(asText(block.tool_use_id));
    const name = this.#toolNames.get(callId);
    const content = block.content ?? [];
    const parts = this.decodeContent(content, `${path}.content`).filter(
      (part) => part.kind === 'text' || part.kind === 'image' || part.kind === 'document',
    );
    return {
      kind: 'tool-result',
      callId,
      ...(name === undefined ? {} : { name }),
      parts,
      ...(block.is_error === true ? { isError: true } : {}),
      ...readCacheControl(block),
    };
  }
}

function decodeTextBlock(block: JsonObject): TextPart {
  return { kind: 'text', text: asText(block.text), ...readCacheControl(block) };
}

/** No other protocol has search results: they become a text that names its source. */
function decodeSearchResult({ title, source, content }: JsonObject): TextPart {
  return { kind: 'text', text: `${asText(title)} (${asText(source)})\n${textOf(content)}` };
}

/** The summary replaces everything before it. */
function decodeCompaction({ content, ...block }: JsonObject): TextPart[] {
  const text = asText(content);
  return text === '' ? [] : [{ kind: 'text', text, ...readCacheControl(block) }];
}

function decodeThinking({ thinking, signature }: JsonObject): ReasoningPart[] {
  return reasoningPart({ kind: 'reasoning', text: asText(thinking) }, readSignature(signature));
}

function decodeRedacted({ data }: JsonObject): ReasoningPart[] {
  return reasoningPart({ kind: 'reasoning', text: '', isRedacted: true }, readSignature(data));
}

function reasoningPart(part: ReasoningPart, signature: Signature | undefined): ReasoningPart[] {
  if (signature !== undefined) return [{ ...part, signature }];
  return part.text === '' ? [] : [part];
}

/**
 * Gemini signs calls and texts. `encodeAnswer` carries a call's signature as an empty thought before the call; conversations
 * from an older Sluice also have one after a text. Moves these signatures back to their parts.
 */
function giveBackSignatures(parts: Part[]): Part[] {
  return parts.flatMap((part, index) => {
    const before = parts[index - 1];
    const after = parts[index + 1];
    if (isCarrier(part)) return after?.kind === 'tool-call' || before?.kind === 'text' ? [] : [part];
    if (part.kind === 'tool-call' && isCarrier(before)) return [{ ...part, signature: before.signature }];
    const isLastText = part.kind === 'text' && parts[index + 2]?.kind !== 'tool-call';
    return isLastText && isCarrier(after) ? [{ ...part, signature: after.signature }] : [part];
  });
}

function isCarrier(part: Part | undefined): part is ReasoningPart & { signature: Signature } {
  return part?.kind === 'reasoning' && part.text === '' && part.signature?.origin === 'gemini-generate-content';
}

// Images and documents of a request, decoded: bytes, addresses, files, texts.

function decodeImage(block: JsonObject, path: string, decoding: Decoding): ImagePart[] {
  const source = decodeSource(block.source, `${path}.source`, decoding);
  return source === null ? [] : [{ kind: 'image', source }];
}

/** Citations and context of a document have no canonical form. */
function decodeDocument(block: JsonObject, path: string, decoding: Decoding): DocumentPart[] {
  const { title, context, citations } = block;
  if (typeof context === 'string') decoding.unmapped['messages.document.context'] = context;
  if (asObject(citations)?.enabled === true) decoding.unmapped['messages.document.citations'] = citations;
  const source = decodeText(block.source) ?? decodeSource(block.source, `${path}.source`, decoding);
  if (source === null) return [];
  return [{ kind: 'document', source, ...(typeof title === 'string' ? { filename: title } : {}) }];
}

function decodeText(value: unknown): DocumentPart['source'] | null {
  const source = asObject(value);
  if (source?.type === 'text') return { kind: 'text', text: asText(source.data) };
  if (source?.type === 'content') return { kind: 'text', text: textOf(source.content) };
  return null;
}

/** The texts of blocks, a line each. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  return asObjects(content)
    .map(({ text }) => asText(text))
    .filter((text) => text !== '')
    .join('\n');
}

function decodeSource(value: unknown, path: string, decoding: Decoding): MediaSource | null {
  const source = asObject(value) ?? {};
  switch (source.type) {
    case 'base64':
      return { kind: 'base64', mediaType: asText(source.media_type), data: standardBase64(asText(source.data)) };
    case 'url':
      return { kind: 'url', url: asText(source.url) };
    case 'file':
      return { kind: 'file-id', id: asText(source.file_id) };
    default:
      decoding.fail(`${path}.type`, `'${String(source.type)}' is not a source that can be translated`);
      return null;
  }
}

/** Collects what decoding finds in addition to the request: members without a canonical form, and the first fault. */
export class Decoding {
  /** By the client's name: dropped in translation, and reported as dropped. */
  readonly unmapped: JsonObject = {};
  failure: Failure | null = null;

  /** The request cannot be understood; `param` is the path as Anthropic writes it: `messages.0.content.1.type`. */
  readonly fail = (param: string, problem: string): void => {
    this.failure ??= createFailure('request_invalid', `${param}: ${problem}`, { param });
  };
}
