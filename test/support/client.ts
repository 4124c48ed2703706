// A client that accepts any answer: it reports how the answer ended, and lets a test inspect it while it is running.
import type { Readable } from 'node:stream';
import { Agent, request } from 'undici';
import { TEST_KEY } from './broker.ts';

export interface Answer {
  /** Null when the connection ended before any status. */
  status: number | null;
  headers: Record<string, string>;
  text: string;
  /** `whole` is the proper end of the HTTP message. */
  ending: 'whole' | 'broken';
  /** From the request to the end, milliseconds. */
  durationMs: number;
}

export interface OpenAnswer {
  /** The text so far. */
  readonly status: number | null;
  readonly headers: Record<string, string>;
  readonly text: string;
  readonly bytes: number;
  /** Resolves however the answer ends; never rejects. */
  ended: Promise<Answer>;
  /** Disconnects. */
  abort(): void;
  /** Reads nothing until `resume`; the kernel's buffers fill up, and then the broker feels it. */
  pause(): void;
  resume(): void;
}

export interface Wanted {
  prompt?: string;
  model?: string;
  stream?: boolean;
  /** Default: chat completions. */
  path?: string;
  /** Instead of a chat request with `prompt`. */
  body?: string | Buffer | object;
  /** More members of the chat request. */
  more?: object;
  headers?: Record<string, string>;
  key?: string;
}

export function openAnswer(url: string, wanted: Wanted): OpenAnswer {
  return new Call(url, wanted);
}

export function ask(url: string, wanted: Wanted): Promise<Answer> {
  return openAnswer(url, wanted).ended;
}

class Call implements OpenAnswer {
  status: number | null = null;
  headers: Record<string, string> = {};
  bytes = 0;
  readonly ended: Promise<Answer>;
  readonly #agent = new Agent();
  readonly #pieces: Buffer[] = [];
  readonly #aborter = new AbortController();
  #body: Readable | null = null;
  #isPaused = false;

  constructor(url: string, wanted: Wanted) {
    const startedAtMs = performance.now();
    const end = (ending: Answer['ending']): Answer => {
      void this.#agent.destroy();
      const { status, headers, text } = this;
      return { status, headers, text, ending, durationMs: performance.now() - startedAtMs };
    };
    this.ended = this.#run(url, wanted).then(
      () => end('whole'),
      () => end('broken'),
    );
  }

  get text(): string {
    return Buffer.concat(this.#pieces).toString();
  }

  abort(): void {
    this.#aborter.abort();
  }

  pause(): void {
    this.#isPaused = true;
    this.#body?.pause();
  }

  resume(): void {
    this.#isPaused = false;
    this.#body?.resume();
  }

  async #run(url: string, wanted: Wanted): Promise<void> {
    const { statusCode, headers, body } = await request(url + (wanted.path ?? '/v1/chat/completions'), {
      method: 'POST',
      dispatcher: this.#agent,
      signal: this.#aborter.signal,
      headersTimeout: 0,
      bodyTimeout: 0,
      headers: {
        'content-type': 'application/json',
        authorization: `Bearer ${wanted.key ?? TEST_KEY}`,
        ...wanted.headers,
      },
      body: bodyOf(wanted),
    });
    this.status = statusCode;
    this.headers = headers as Record<string, string>;
    this.#body = body;
    await new Promise<void>((resolve, reject) => {
      body.on('data', (piece: Buffer) => {
        this.#pieces.push(piece);
        this.bytes += piece.length;
      });
      body.once('end', resolve);
      body.once('error', reject);
      if (this.#isPaused) body.pause();
    });
  }
}

function bodyOf({ body, prompt, model, stream, more }: Wanted): string | Buffer {
  if (typeof body === 'string' || Buffer.isBuffer(body)) return body;
  if (body !== undefined) return JSON.stringify(body);
  const messages = [{ role: 'user', content: prompt ?? 'Hello.' }];
  return JSON.stringify({ model: model ?? 'solo', messages, ...(stream ? { stream } : {}), ...more });
}
