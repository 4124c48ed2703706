// The calls of OpenAI's Files and Batch API that the command line needs, for any server with these APIs.
import { randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import type { Dispatcher } from 'undici';
import type { z } from 'zod';
import { type BatchObject, batchObject, batchPage, type FileObject, fileObject } from './batch-object.ts';
import { CommandError } from './exit-codes.ts';
import { type Connection, call } from './server-call.ts';

export interface NewBatch {
  input_file_id: string;
  endpoint: string;
  completion_window: string;
  metadata?: Record<string, string>;
}

export interface BatchClient {
  /** @param fileName the name that the server stores. */
  upload(path: string, fileName: string, onBytes: (sent: number, total: number) => void): Promise<FileObject>;
  create(batch: NewBatch): Promise<BatchObject>;
  retrieve(batchId: string): Promise<BatchObject>;
  /** Newest first; asks for page after page until there are `limit`. */
  list(limit: number): Promise<BatchObject[]>;
  /** The batch, or null if it had already ended (409). */
  cancel(batchId: string): Promise<BatchObject | null>;
  /** Null if the server does not describe files. */
  describeFile(fileId: string): Promise<FileObject | null>;
  /** The content from byte `offset` on: status 206, or 200 with all of it, or 416 if there is no such byte. */
  openContent(fileId: string, offset: number): Promise<Dispatcher.ResponseData>;
}

/** Maximum size of a page (openai-openapi 2.3.0). */
const PAGE_LIMIT = 100;

export function createBatchClient({ baseUrl, apiKey }: Connection): BatchClient {
  const headers = { authorization: `Bearer ${apiKey}`, accept: 'application/json' };
  const at = (...path: string[]) => `${baseUrl}/${path.map(encodeURIComponent).join('/')}`;

  return {
    async upload(path, fileName, onBytes) {
      const file = await createMultipartFile(path, fileName);
      const answer = await call({
        method: 'POST',
        url: at('files'),
        headers: { ...headers, ...file.headers },
        body: () => file.open((sent) => onBytes(sent, file.fileBytes)),
        // A repeated upload only makes a second file, which nothing refers to and which expires.
        retry: 'always',
      });
      return read(answer, fileObject);
    },
    async create(batch) {
      const answer = await call({
        method: 'POST',
        url: at('batches'),
        headers: { ...headers, 'content-type': 'application/json' },
        body: () => JSON.stringify(batch),
        retry: 'unsent',
      });
      return read(answer, batchObject);
    },
    async retrieve(batchId) {
      return read(await call({ method: 'GET', url: at('batches', batchId), headers, retry: 'always' }), batchObject);
    },
    async list(limit) {
      const batches: BatchObject[] = [];
      for (;;) {
        const query = new URLSearchParams({ limit: String(Math.min(PAGE_LIMIT, limit - batches.length)) });
        if (batches.length > 0) query.set('after', batches.at(-1)!.id);
        const answer = await call({ method: 'GET', url: `${at('batches')}?${query}`, headers, retry: 'always' });
        const page = await read(answer, batchPage);
        batches.push(...page.data);
        if (page.has_more !== true || page.data.length === 0 || batches.length >= limit) return batches.slice(0, limit);
      }
    },
    async cancel(batchId) {
      const url = at('batches', batchId, 'cancel');
      const answer = await call({ method: 'POST', url, headers, retry: 'always' }, [409]);
      if (answer.statusCode !== 409) return read(answer, batchObject);
      await answer.body.dump();
      return null;
    },
    async describeFile(fileId) {
      const answer = await call({ method: 'GET', url: at('files', fileId), headers, retry: 'always' }, [404, 405, 501]);
      if (answer.statusCode === 200) return read(answer, fileObject);
      await answer.body.dump();
      return null;
    },
    openContent(fileId, offset) {
      const range: Record<string, string> = offset === 0 ? {} : { range: `bytes=${offset}-` };
      const accept = { accept: 'application/binary' };
      const url = at('files', fileId, 'content');
      return call({ method: 'GET', url, headers: { ...headers, ...accept, ...range }, retry: 'always' }, [416]);
    },
  };
}

async function read<T extends z.ZodType>({ body }: Dispatcher.ResponseData, schema: T): Promise<z.output<T>> {
  const text = await body.text();
  const parsed = schema.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0]!;
  const where = issue.path.length === 0 ? 'its response' : `'${issue.path.join('.')}' in its response`;
  throw new CommandError('refused', `this server does not implement OpenAI's Batch API: ${where}: ${issue.message}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export interface MultipartFile {
  headers: Record<string, string>;
  /** Creates a new body for each try. `onBytes` is called with the number of file bytes given to the socket so far. */
  open(onBytes: (sent: number) => void): AsyncGenerator<Buffer>;
  /** Size of the file alone, without the form around it. */
  fileBytes: number;
}

/** Fewer, larger pieces cost less; the socket buffers at most two of them. */
const PIECE_BYTES = 256 * 1024;

/** @param fileName the name that the server stores; for batches OpenAI accepts only names that end in `.jsonl`. */
export async function createMultipartFile(path: string, fileName: string): Promise<MultipartFile> {
  const { size } = await stat(path);
  const boundary = `sluice-${randomBytes(16).toString('hex')}`;
  const head = Buffer.from(
    `--${boundary}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n` +
      `--${boundary}\r\nContent-Disposition: form-data; name="file"; filename="${quote(basename(fileName))}"\r\n` +
      'Content-Type: application/jsonl\r\n\r\n',
  );
  const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
  return {
    fileBytes: size,
    headers: {
      'content-type': `multipart/form-data; boundary=${boundary}`,
      'content-length': String(head.length + size + tail.length),
    },
    async *open(onBytes) {
      yield head;
      let sent = 0;
      // The length has been sent already, so bytes appended to the file meanwhile are left out.
      const end = { end: Math.max(0, size - 1) };
      if (size > 0) {
        for await (const piece of createReadStream(path, { highWaterMark: PIECE_BYTES, ...end })) {
          yield piece as Buffer;
          sent += (piece as Buffer).length;
          onBytes(sent);
        }
      }
      yield tail;
    },
  };
}

/** Escapes a name as browsers do (WHATWG HTML, multipart/form-data encoding). */
function quote(name: string): string {
  return name.replaceAll('"', '%22').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}
