// Replaces file ids in prompts (`file` of Chat Completions, `input_file` and `input_image` of Responses) by the files' bytes:
// no provider knows the broker's ids. Ids that are not the broker's are kept, since a provider may know them.
import { createFailure, type Failure } from '../contracts/failure.ts';
import { parseMessage } from '../protocols/wire/exact-json.ts';
import { editObject } from '../protocols/wire/json-object.ts';
import { parseBytes, printAround } from '../protocols/wire/long-strings.ts';
import { type BlobStore, readPieces } from '../storage/blobs.ts';
import type { FileStore, StoredFile } from './file-store.ts';

export interface RequestBody {
  bytes: Buffer;
  /** The same, parsed. */
  value: unknown;
}

type Part = Record<string, unknown>;

/** Members that contain the prompt, in Chat Completions and in Responses. */
const PROMPTS = ['messages', 'input'] as const;
const MEDIA_TYPES: Record<string, string> = {
  pdf: 'application/pdf',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
};

/** The format of ids from `POST /v1/files`. */
const FILE_ID = /^file-[A-Za-z0-9]{1,60}$/;
const MAX_FILES = 100;

export interface FileResolver {
  /** Returns the same body if it names no file, and a failure if the files make it too large. */
  resolve(keyId: string, body: RequestBody): Promise<RequestBody | Failure>;
}

export function createFileResolver(files: FileStore, blobs: BlobStore, maxBytes: number): FileResolver {
  /** The files of this key, by id. Ids in another format are skipped without a query. */
  async function load(keyId: string, ids: readonly unknown[]): Promise<Map<unknown, StoredFile> | Failure> {
    const own = [...new Set(ids.filter((id) => typeof id === 'string' && FILE_ID.test(id)))] as string[];
    if (own.length > MAX_FILES) return tooMany();
    const found = own.length === 0 ? [] : await files.findAll(keyId, own);
    return new Map(found.filter(({ store }) => store === blobs.id).map((file) => [file.id, file]));
  }

  return {
    async resolve(keyId, sent) {
      if (filePartsOf(sent.value).length === 0) return sent;
      // A separate copy, because what the client sent must not change.
      const body = { bytes: sent.bytes, value: parseBytes(sent.bytes, parseMessage) };
      const parts = filePartsOf(body.value);
      let bytes = body.bytes.length;
      const known = await load(keyId, parts.map(fileIdOf));
      if (!(known instanceof Map)) return known;
      let isChanged = false;
      for (const part of parts) {
        const file = known.get(fileIdOf(part));
        if (file === undefined) continue;
        // Base64 is a third longer than its bytes.
        bytes += Math.ceil(file.bytes / 3) * 4;
        if (bytes > maxBytes) return tooLarge(file, maxBytes);
        fill(part, file, await readPieces(blobs, file.pieces, 0, file.bytes));
        isChanged = true;
      }
      return isChanged ? { value: body.value, bytes: withPrompts(body) } : sent;
    },
  };
}

function filePartsOf(value: unknown): Part[] {
  return partsOf(value).filter((part) => fileIdOf(part) !== undefined);
}

/** Parts of all messages. Anything of another shape is left for the provider to refuse. */
function partsOf(value: unknown): Part[] {
  const parts: Part[] = [];
  for (const name of PROMPTS) {
    for (const message of itemsOf((value as Record<string, unknown> | null)?.[name])) {
      for (const part of itemsOf(message.content)) {
        parts.push(part);
        // Tool results have parts of their own in Messages.
        if (part.type === 'tool_result') parts.push(...itemsOf(part.content));
      }
    }
  }
  return parts;
}

function itemsOf(list: unknown): Part[] {
  return Array.isArray(list) ? list.filter((item) => typeof item === 'object' && item !== null) : NO_ITEMS;
}

const NO_ITEMS: never[] = [];

function fileIdOf(part: Part): unknown {
  if (isSourced(part)) return part.source.file_id;
  if (part.type === 'file') return (part.file as Part | null | undefined)?.file_id;
  return part.type === 'input_file' || part.type === 'input_image' ? part.file_id : undefined;
}

/** A document or an image of Messages, by `source: {type: "file", file_id}`. */
function isSourced(part: Part): part is Part & { source: Part } {
  const source = part.source as Part | null | undefined;
  return (part.type === 'document' || part.type === 'image') && source?.type === 'file';
}

export function mediaTypeOf(filename: string): string {
  return MEDIA_TYPES[/[^.]*$/.exec(filename)![0].toLowerCase()] ?? 'application/octet-stream';
}

/** Messages has a separate source type for text; everything else is base64. */
function sourceOf(mediaType: string, bytes: Buffer): Part {
  return mediaType.startsWith('text/') || mediaType === 'application/json'
    ? { type: 'text', media_type: 'text/plain', data: bytes.toString() }
    : { type: 'base64', media_type: mediaType, data: bytes.toString('base64') };
}

function fill(part: Part, { filename }: StoredFile, bytes: Buffer): void {
  const mediaType = mediaTypeOf(filename);
  if (isSourced(part)) {
    part.source = sourceOf(mediaType, bytes);
    return;
  }
  const data = `data:${mediaType};base64,${bytes.toString('base64')}`;
  if (part.type === 'file') part.file = { filename, file_data: data };
  else {
    delete part.file_id;
    Object.assign(part, part.type === 'input_image' ? { image_url: data } : { filename, file_data: data });
  }
}

/** Serializes only the prompt; the rest of the body keeps its bytes. */
function withPrompts({ bytes, value }: RequestBody): Buffer {
  const members = PROMPTS.filter((name) => (value as Part)[name] !== undefined);
  return editObject(bytes, { set: new Map(members.map((name) => [name, printAround((value as Part)[name])])) });
}

function tooMany(): Failure {
  const message = `A request can name at most ${MAX_FILES} files.`;
  return createFailure('request_invalid', message, { param: 'file_id' });
}

function tooLarge({ id }: StoredFile, maxBytes: number): Failure {
  const message = `With the file ${id} the request is larger than this Sluice takes (${maxBytes} bytes).`;
  return createFailure('request_too_large', message, { param: 'file_id' });
}
