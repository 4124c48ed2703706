// Google's files as far as batches need them: the resumable upload in one piece, and the download.
// Wire facts: docs/reference/gemini-generate-content.md section 9.
import type { Refusal } from '../../engine/refusal.ts';
import type { BatchFile, EncodedAnswer, LookupContext, LookupRoute, RequestHead } from '../dialect.ts';
import { json } from '../openai-batches/json-answer.ts';

const UPLOAD_PATH = /^\/upload\/v1(?:alpha|beta)?\/files$/;
const DOWNLOAD_PATH = /^\/download\/v1(?:alpha|beta)?\/(files\/[^/:]+):download$/;
const FILE_PATH = /^\/v1(?:alpha|beta)\/(files\/[^/:]+)$/;
const PREFIX = 'files/';

const upload: LookupRoute = { kind: 'lookup', answer: uploadFile };
const download = withFile(DOWNLOAD_PATH, ({ text }) => ({
  status: 200,
  headers: ['content-type', 'application/jsonl'],
  body: text,
}));
const show = withFile(FILE_PATH, (file) => json(describeFile(file)));
const remove = withFile(FILE_PATH, ({ id }, { batches }) => {
  batches.removeFile(id);
  return json({});
});

export function routeFiles({ method, path }: RequestHead): LookupRoute | null {
  if (method === 'POST' && UPLOAD_PATH.test(path)) return upload;
  if (method === 'GET' && DOWNLOAD_PATH.test(path)) return download;
  if (!FILE_PATH.test(path)) return null;
  return method === 'GET' ? show : method === 'DELETE' ? remove : null;
}

/** The first request announces the file and gets an address; the second uploads all of it. */
function uploadFile({ head, body, batches }: LookupContext): EncodedAnswer | Refusal {
  const command = String(head.headers['x-goog-upload-command'] ?? '');
  if (command === 'start') {
    const name = readDisplayName(body);
    const address = `http://${head.headers.host ?? 'localhost'}${head.path}?upload_id=${encodeURIComponent(name)}&upload_protocol=resumable`;
    const headers = [
      'content-type',
      'application/json',
      'x-goog-upload-status',
      'active',
      'x-goog-upload-url',
      address,
    ];
    return { status: 200, headers, body: '' };
  }
  if (!command.includes('finalize')) {
    return { kind: 'invalid', message: `Unsupported upload command "${command}".`, param: null, code: null };
  }
  const name = new URLSearchParams(head.query).get('upload_id') ?? '';
  const file = batches.addFile(PREFIX, { name, purpose: 'batch', text: body });
  const { body: text, status } = json({ file: describeFile(file) });
  return { status, headers: ['content-type', 'application/json', 'x-goog-upload-status', 'final'], body: text };
}

function readDisplayName(body: string): string {
  try {
    const { file } = JSON.parse(body) as { file?: { displayName?: string; display_name?: string } };
    return file?.displayName ?? file?.display_name ?? '';
  } catch {
    return '';
  }
}

function withFile(path: RegExp, use: (file: BatchFile, context: LookupContext) => EncodedAnswer): LookupRoute {
  return {
    kind: 'lookup',
    answer(context) {
      const name = path.exec(context.head.path)![1]!;
      const file = context.batches.findFile(name);
      if (file !== null) return use(file, context);
      const message = `You do not have permission to access the File ${name} or it may not exist.`;
      return { kind: 'invalid', message, param: null, code: null, status: 403 };
    },
  };
}

function describeFile({ id, name, text, createdAtMs }: BatchFile) {
  return {
    name: id,
    displayName: name,
    mimeType: 'application/jsonl',
    sizeBytes: String(Buffer.byteLength(text)),
    createTime: new Date(createdAtMs).toISOString(),
    uri: `https://generativelanguage.googleapis.com/v1beta/${id}`,
    state: 'ACTIVE',
  };
}
