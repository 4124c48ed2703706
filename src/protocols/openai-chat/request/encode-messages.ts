// Turns as the messages of a chat provider. In Chat, each tool call is answered by a separate message right after the call, and
// those messages contain only text: images and documents among the results move to the user message that follows.
import type {
  AudioPart,
  DocumentPart,
  ImagePart,
  Part,
  TextPart,
  ToolCallPart,
  ToolResultPart,
  Turn,
} from '#src/contracts/inference-request.ts';
import { type JsonObject, RefusalError } from '#src/protocols/codec.ts';
import { writeDataUrl } from '#src/protocols/openai/data-url.ts';
import type { ModelTraits } from '#src/protocols/openai/models.ts';
import type { AnswerSource } from '#src/protocols/translate/signatures.ts';
import { encodeThoughts } from '../read-content.ts';

export function encodeMessages(
  turns: readonly Turn[],
  traits: ModelTraits,
  upstream: AnswerSource | null,
): JsonObject[] {
  return new MessageWriter(traits, upstream).write(turns);
}

class MessageWriter {
  readonly #traits: ModelTraits;
  /** Null: reasoning is not sent back. */
  readonly #upstream: AnswerSource | null;
  readonly #messages: JsonObject[] = [];
  /** Media that are moved to the beginning of the next user message. */
  #moved: JsonObject[] = [];

  constructor(traits: ModelTraits, upstream: AnswerSource | null) {
    this.#traits = traits;
    this.#upstream = upstream;
  }

  write(turns: readonly Turn[]): JsonObject[] {
    for (const turn of joinTurns(turns)) this.#writeTurn(turn);
    this.#writeUser([], undefined);
    return this.#messages;
  }

  #writeTurn({ role, parts, name }: Turn): void {
    switch (role) {
      case 'system':
      case 'developer':
        return this.#writeSystem(parts, name);
      case 'user':
        for (const part of parts) if (part.kind === 'tool-result') this.#writeResult(part);
        return this.#writeUser(parts, name);
      case 'assistant':
        this.#writeUser([], undefined);
        return this.#writeAssistant(parts, name);
    }
  }

  /** Both roles become `system`: OpenAI accepts it for either, and few other providers know `developer`. */
  #writeSystem(parts: readonly Part[], name: string | undefined): void {
    if (parts.some((part) => part.kind !== 'text')) {
      throw new RefusalError('messages', 'accepts only text in a system message');
    }
    const text = textsOf(parts).join('\n\n');
    if (text !== '') this.#messages.push({ role: 'system', content: text, ...named(name) });
  }

  #writeResult({ callId, parts }: ToolResultPart): void {
    const media = parts.filter((part) => part.kind !== 'text').map((part) => encodeUserPart(part)!);
    const text = textsOf(parts).join('\n');
    const content = text === '' && media.length > 0 ? 'The result follows in the next message.' : text;
    this.#messages.push({ role: 'tool', tool_call_id: callId, content });
    if (media.length > 0) this.#moved.push({ type: 'text', text: `Result of tool call ${callId}:` }, ...media);
  }

  #writeUser(parts: readonly Part[], name: string | undefined): void {
    const own = parts.map(encodeUserPart).filter((part) => part !== null);
    const content: JsonObject[] = [...this.#moved, ...own];
    this.#moved = [];
    if (content.length === 0) return;
    const [first] = content;
    const isText = content.length === 1 && first?.type === 'text';
    this.#messages.push({ role: 'user', content: isText ? first.text : content, ...named(name) });
  }

  #writeAssistant(parts: readonly Part[], name: string | undefined): void {
    const calls = parts.filter((part) => part.kind === 'tool-call').map((call) => this.#encodeCall(call));
    const said = parts.filter((part) => part.kind === 'text' || part.kind === 'refusal');
    const text = said.map((part) => part.text).join('');
    // An assistant message cannot contain images.
    const drawn = parts.filter((part) => part.kind === 'image').map((part) => encodeUserPart(part)!);
    if (drawn.length > 0) this.#moved.push({ type: 'text', text: 'Made by the assistant:' }, ...drawn);
    if (text === '' && calls.length === 0) return;
    this.#messages.push({
      role: 'assistant',
      content: text === '' ? null : text,
      ...named(name),
      // Providers expect reasoning back together with its calls; DeepSeek's older models refuse any other reasoning.
      ...(calls.length === 0 ? {} : { ...encodeThoughts(parts, this.#upstream), tool_calls: calls }),
    });
  }

  #encodeCall(call: ToolCallPart): JsonObject {
    const { id, name, isCustom, signature } = call;
    if (isCustom && this.#traits.isOpenAi) return { id, type: 'custom', custom: { name, input: call.arguments } };
    const given = isCustom ? JSON.stringify({ input: call.arguments }) : call.arguments;
    const isItsOwn = this.#traits.isGemini && signature?.origin === 'gemini-generate-content';
    return {
      id,
      type: 'function',
      // Providers parse it: a call without arguments is an empty object, not empty text.
      function: { name, arguments: given === '' ? '{}' : given },
      ...(isItsOwn ? { extra_content: { google: { thought_signature: signature.value } } } : {}),
    };
  }
}

/**
 * Joins an assistant's text and calls into one message, and consecutive results into one turn, since protocols with separate
 * items for them produce a turn for each.
 */
function joinTurns(turns: readonly Turn[]): Turn[] {
  const joined: Turn[] = [];
  for (const turn of turns) {
    const last = joined.at(-1);
    const goesOn = last?.role === turn.role && last.name === turn.name;
    if (goesOn && (turn.role === 'assistant' || (turn.role === 'user' && (hasResult(last) || hasResult(turn))))) {
      joined[joined.length - 1] = { ...last, parts: [...last.parts, ...turn.parts] };
    } else joined.push(turn);
  }
  return joined;
}

function hasResult({ parts }: Turn): boolean {
  return parts.some((part) => part.kind === 'tool-result');
}

function textsOf(parts: readonly Part[]): string[] {
  return parts.filter((part): part is TextPart => part.kind === 'text').map((part) => part.text);
}

function named(name: string | undefined): { name?: string } {
  return name === undefined ? {} : { name };
}

// Content parts of a user's message, for a chat provider. Null for a part that it cannot contain.
export function encodeUserPart(part: Part): JsonObject | null {
  switch (part.kind) {
    case 'text':
    case 'refusal':
      return { type: 'text', text: part.text };
    case 'image':
      return encodeImagePart(part);
    case 'document':
      return encodeDocument(part);
    case 'audio':
      return encodeAudio(part);
    default:
      return null;
  }
}

function encodeImagePart({ source, detail }: ImagePart): JsonObject {
  if (source.kind === 'file-id') throw new RefusalError('messages', 'does not support images by file id');
  const url = source.kind === 'url' ? source.url : writeDataUrl(source);
  return { type: 'image_url', image_url: { url, ...(detail === undefined ? {} : { detail }) } };
}

/** Chat has no `file_url` (npm openai 7.55.0). Plain text is sent as text, because few providers read files. */
function encodeDocument({ source, filename }: DocumentPart): JsonObject {
  switch (source.kind) {
    case 'text':
      return { type: 'text', text: source.text };
    case 'url':
      throw new RefusalError('messages', 'does not support documents by URL');
    case 'file-id':
      return { type: 'file', file: { file_id: source.id } };
    case 'base64':
      if (/^text\//.test(source.mediaType)) {
        return { type: 'text', text: Buffer.from(source.data, 'base64').toString() };
      }
      return {
        type: 'file',
        file: { filename: filename ?? 'document.pdf', file_data: writeDataUrl(source) },
      };
  }
}

function encodeAudio({ format, data }: AudioPart): JsonObject {
  return { type: 'input_audio', input_audio: { data, format } };
}
