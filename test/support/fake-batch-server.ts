// OpenAI's Files and Batch API as a batch client sees it, with explicit nulls where the live API has them
// (docs/reference/openai-batch.md). Its answers contain nothing of Sluice. A test controls the progress of a batch, the
// result of each line, and the errors in between.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseMultipart } from './multipart.ts';

export interface FakeBatch {
  id: string;
  object: 'batch';
  endpoint: string;
  input_file_id: string;
  completion_window: string;
  status: string;
  created_at: number;
  errors: unknown;
  output_file_id: string | null;
  error_file_id: string | null;
  request_counts: { total: number; completed: number; failed: number };
  metadata: Record<string, string> | null;
  [more: string]: unknown;
}

export interface FakeLine {
  custom_id: string;
  body: Record<string, unknown>;
}

/** What a line comes to: an HTTP status, or nothing because the batch ended first. */
export type LineOutcome = number | 'not run';

export interface FakeBatchServer {
  /** With `/v1`. */
  baseUrl: string;
  batches: Map<string, FakeBatch>;
  files: Map<string, { filename: string; purpose: string; content: Buffer }>;
  /** Method, path and range of every call, in order. */
  calls: string[];
  /** Lines of a batch's input. */
  linesOf(batch: FakeBatch): FakeLine[];
  settings: {
    /** Lines that run between two polls of a batch; 0: no progress. */
    linesPerLook: number;
    outcomeOf: (line: FakeLine) => LineOutcome;
    /** How it ends once no line is left. */
    finalStatus: string;
    supportsRanges: boolean;
    /** Content answers break off after so many bytes; the list is used up. */
    breakContentAfter: number[];
    /** Statuses with which calls are refused, null for one that succeeds; each is used once. */
    refuseWith: (number | null)[];
    /** Members that a richer server adds. */
    extras: (batch: FakeBatch) => Record<string, unknown>;
  };
  close(): Promise<void>;
}

const BREAK_AFTER_MS = 200;
export const FAKE_KEY = 'sk-fake-batches';

interface Reply {
  status: number;
  body: unknown;
}

export async function startFakeBatchServer(): Promise<FakeBatchServer> {
  const fake = new FakeServer();
  const server = createServer((request, response) => void fake.answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  fake.baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
  fake.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return fake;
}

class FakeServer implements FakeBatchServer {
  baseUrl = '';
  close = async () => {};
  batches: FakeBatchServer['batches'] = new Map();
  files: FakeBatchServer['files'] = new Map();
  calls: string[] = [];
  settings: FakeBatchServer['settings'] = {
    linesPerLook: Number.POSITIVE_INFINITY,
    outcomeOf: () => 200,
    finalStatus: 'completed',
    supportsRanges: true,
    breakContentAfter: [],
    refuseWith: [],
    extras: () => ({}),
  };
  readonly #ran = new Map<string, number>();

  linesOf({ input_file_id: id }: FakeBatch): FakeLine[] {
    const text = this.files.get(id)!.content.toString();
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as FakeLine);
  }

  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url!, this.baseUrl);
    const path = url.pathname.replace(/^\/v1\//, '');
    const range = request.headers.range;
    this.calls.push(`${request.method} ${path}${range === undefined ? '' : ` ${range}`}`);
    const body = await readAll(request);
    const refusal = this.settings.refuseWith.shift();
    if (refusal != null) return send(response, failure(refusal, 'told to refuse'));
    if (request.headers.authorization !== `Bearer ${FAKE_KEY}`)
      return send(response, failure(401, 'Incorrect API key'));
    const content = /^files\/([^/]+)\/content$/.exec(path);
    if (content !== null) return this.#sendContent(content[1]!, range, response);
    send(response, this.#reply(request.method!, path, url.searchParams, request, body));
  }

  #reply(method: string, path: string, query: URLSearchParams, request: IncomingMessage, body: Buffer): Reply {
    const [kind, id, action] = path.split('/');
    if (kind === 'files') return id === undefined ? this.#upload(request, body) : this.#describeFile(id);
    if (kind !== 'batches') return failure(404, `Invalid URL (${method} /v1/${path})`);
    if (id === undefined) return method === 'POST' ? this.#create(body) : this.#list(query);
    const batch = this.batches.get(id);
    if (batch === undefined) return failure(404, `No batch found with id '${id}'.`);
    if (action === 'cancel') return this.#cancel(batch);
    this.#advance(batch);
    return { status: 200, body: { ...batch, ...this.settings.extras(batch) } };
  }

  #upload(request: IncomingMessage, body: Buffer): Reply {
    const { fields, file } = parseMultipart(request.headers['content-type']!, body);
    if (!file.filename.endsWith('.jsonl')) return failure(400, 'Invalid file format for Batch API. Must be .jsonl');
    return { status: 200, body: this.#describe(this.#store(file.filename, fields.purpose!, file.content)) };
  }

  #store(filename: string, purpose: string, content: Buffer): string {
    const id = `file-${this.files.size + 1}`;
    this.files.set(id, { filename, purpose, content });
    return id;
  }

  #describeFile(id: string): Reply {
    return this.files.has(id) ? { status: 200, body: this.#describe(id) } : failure(404, `No such File object: ${id}`);
  }

  #describe(id: string) {
    const { filename, purpose, content } = this.files.get(id)!;
    return { id, object: 'file', bytes: content.length, created_at: 1, filename, purpose, status: 'processed' };
  }

  #create(body: Buffer): Reply {
    const wanted = JSON.parse(body.toString()) as Pick<FakeBatch, 'input_file_id' | 'endpoint' | 'metadata'>;
    const id = `batch_${this.batches.size + 1}`;
    const batch: FakeBatch = {
      id,
      object: 'batch',
      endpoint: wanted.endpoint,
      input_file_id: wanted.input_file_id,
      completion_window: '24h',
      status: 'validating',
      created_at: Math.floor(Date.now() / 1_000),
      errors: null,
      output_file_id: null,
      error_file_id: null,
      request_counts: { total: 0, completed: 0, failed: 0 },
      metadata: wanted.metadata ?? null,
    };
    this.batches.set(id, batch);
    return { status: 200, body: batch };
  }

  #list(query: URLSearchParams): Reply {
    const newestFirst = [...this.batches.values()].reverse();
    const after = query.get('after');
    const from = after === null ? 0 : newestFirst.findIndex(({ id }) => id === after) + 1;
    const data = newestFirst.slice(from, from + Number(query.get('limit') ?? 20));
    return { status: 200, body: { object: 'list', data, has_more: from + data.length < newestFirst.length } };
  }

  #cancel(batch: FakeBatch): Reply {
    if (!['validating', 'in_progress'].includes(batch.status)) {
      return failure(409, `Cannot cancel a batch with status '${batch.status}'.`);
    }
    batch.status = 'cancelling';
    return { status: 200, body: batch };
  }

  /** One step per poll: validating, in_progress (some lines), finalizing, the end. */
  #advance(batch: FakeBatch): void {
    if (batch.status === 'validating') {
      batch.status = 'in_progress';
      batch.request_counts.total = this.linesOf(batch).length;
    } else if (batch.status === 'in_progress') this.#run(batch);
    else if (batch.status === 'finalizing') this.#finish(batch, this.settings.finalStatus);
    else if (batch.status === 'cancelling') this.#finish(batch, 'cancelled');
  }

  #run(batch: FakeBatch): void {
    const lines = this.linesOf(batch);
    const ran = Math.min(lines.length, (this.#ran.get(batch.id) ?? 0) + this.settings.linesPerLook);
    this.#ran.set(batch.id, ran);
    const statuses = lines.slice(0, ran).map(this.settings.outcomeOf);
    batch.request_counts.completed = statuses.filter((status) => status === 200).length;
    batch.request_counts.failed = statuses.filter((status) => status !== 200 && status !== 'not run').length;
    if (ran === lines.length) batch.status = 'finalizing';
  }

  /** Results in the reverse order of the input: clients must not rely on the order. */
  #finish(batch: FakeBatch, status: string): void {
    batch.status = status;
    const lines = this.linesOf(batch)
      .slice(0, this.#ran.get(batch.id) ?? 0)
      .reverse();
    const good = lines.filter((line) => this.settings.outcomeOf(line) === 200);
    const bad = lines.filter((line) => ![200, 'not run'].includes(this.settings.outcomeOf(line)));
    const write = (some: FakeLine[]) =>
      some.length === 0 ? null : this.#store('out.jsonl', 'batch_output', this.#results(some));
    batch.output_file_id = write(good);
    batch.error_file_id = write(bad);
  }

  #results(lines: FakeLine[]): Buffer {
    const results = lines.map((line) => {
      const status = this.settings.outcomeOf(line);
      const body =
        status === 200 ? { echo: line.body } : { error: { message: 'no', type: 'x', param: null, code: null } };
      const response = { status_code: status, request_id: 'req', body };
      return JSON.stringify({ id: `batch_req_${line.custom_id}`, custom_id: line.custom_id, response, error: null });
    });
    return Buffer.from(`${results.join('\n')}\n`);
  }

  #sendContent(id: string, range: string | undefined, response: ServerResponse): void {
    const file = this.files.get(id);
    if (file === undefined) return send(response, failure(404, `No such File object: ${id}`));
    const asked = Number(/^bytes=(\d+)-$/.exec(range ?? '')?.[1] ?? 0);
    const from = this.settings.supportsRanges ? asked : 0;
    if (from > 0 && from >= file.content.length) return send(response, failure(416, 'nothing there'));
    const content = file.content.subarray(from);
    const headers: Record<string, string> = { 'content-length': String(content.length) };
    if (from > 0) headers['content-range'] = `bytes ${from}-${file.content.length - 1}/${file.content.length}`;
    response.writeHead(from > 0 ? 206 : 200, headers);
    const breakAfter = this.settings.breakContentAfter.shift();
    if (breakAfter === undefined) return void response.end(content);
    // What arrives together with the end of the connection is lost to most clients: it would test nothing.
    response.write(content.subarray(0, breakAfter), () => setTimeout(() => response.destroy(), BREAK_AFTER_MS));
  }
}

function failure(status: number, message: string): Reply {
  return { status, body: { error: { message, type: 'invalid_request_error', param: null, code: null } } };
}

function send(response: ServerResponse, { status, body }: Reply): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

async function readAll(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  return Buffer.concat(pieces);
}
