// The part of OpenAI's Files API that batches need. Wire facts: docs/reference/openai-batch.md section 1.
import type { Refusal } from '../../engine/refusal.ts';
import type { BatchFile, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { json } from './json-answer.ts';

const FILE_PATH = /^\/v1\/files\/([^/]+)(\/content)?$/;
const THIRTY_DAYS_S = 30 * 24 * 3_600;

const upload: LookupRoute = { kind: 'lookup', answer: uploadFile };
const show: LookupRoute = {
  kind: 'lookup',
  answer: (context) => withFile(context, (file) => json(describeFile(file))),
};
const content: LookupRoute = {
  kind: 'lookup',
  answer: (context) =>
    withFile(context, ({ text }) => ({
      status: 200,
      headers: ['content-type', 'application/octet-stream'],
      body: text,
    })),
};
const remove: LookupRoute = {
  kind: 'lookup',
  answer: (context) =>
    withFile(context, ({ id }) => {
      context.batches.removeFile(id);
      return json({ id, object: 'file', deleted: true });
    }),
};

export function routeFiles({ method, path }: RequestHead): LookupRoute | null {
  if (path === '/v1/files') return method === 'POST' ? upload : null;
  const [, id, isContent] = FILE_PATH.exec(path) ?? [];
  if (id === undefined) return null;
  if (isContent !== undefined) return method === 'GET' ? content : null;
  return method === 'GET' ? show : method === 'DELETE' ? remove : null;
}

function uploadFile({ head, body, batches }: LookupContext): EncodedAnswer | Refusal {
  const form = readForm(head, body);
  const [file, purpose] = [form?.get('file'), form?.get('purpose')?.text];
  if (file === undefined) return refuse("Missing required parameter: 'file'.", 'file');
  if (purpose !== 'batch') return refuse(`'${purpose}' is not one of ['batch'] - 'purpose'`, 'purpose');
  const name = file.filename ?? '';
  // Observed on the live API: param and code are null (BerriAI/litellm#37527).
  if (!name.endsWith('.jsonl'))
    return refuse(`Invalid file format for Batch API. Must be .jsonl, not "${name}".`, null);
  return json(describeFile(batches.addFile('file-', { name, purpose, text: file.text })));
}

function refuse(message: string, param: string | null): Refusal {
  return { kind: 'invalid', message, param, code: null };
}

function withFile(context: LookupContext, use: (file: BatchFile) => EncodedAnswer): EncodedAnswer | Refusal {
  const id = FILE_PATH.exec(context.head.path)![1]!;
  const file = context.batches.findFile(id);
  if (file !== null) return use(file);
  return { kind: 'invalid', message: `No such File object: ${id}`, param: 'id', code: null, status: 404 };
}

function describeFile({ id, name, purpose, text, createdAtMs }: BatchFile) {
  const createdAt = Math.floor(createdAtMs / 1_000);
  return {
    id,
    object: 'file',
    bytes: Buffer.byteLength(text),
    created_at: createdAt,
    expires_at: createdAt + THIRTY_DAYS_S,
    filename: name,
    purpose,
    status: 'processed',
    status_details: null,
  };
}

// Reads a multipart form as text, which is enough for the files of batches.

export interface FormPart {
  filename: string | null;
  text: string;
}

/** Parts by name; null if the body is not a form. */
export function readForm({ headers }: RequestHead, body: string): Map<string, FormPart> | null {
  const [, quoted, bare] =
    /^multipart\/form-data;.*boundary=(?:"([^"]+)"|([^;\s]+))/i.exec(headers['content-type'] ?? '') ?? [];
  const boundary = quoted ?? bare;
  if (boundary === undefined) return null;
  const parts = new Map<string, FormPart>();
  for (const piece of `\r\n${body}`.split(`\r\n--${boundary}`).slice(1, -1)) {
    const end = piece.indexOf('\r\n\r\n');
    const head = piece.slice(0, end);
    const name = /[; ]name="([^"]*)"/i.exec(head)?.[1];
    if (end < 0 || name === undefined) return null;
    parts.set(name, { filename: /filename="([^"]*)"/i.exec(head)?.[1] ?? null, text: piece.slice(end + 4) });
  }
  return parts;
}
