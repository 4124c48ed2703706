// A client that accepts any answer: it reports how the answer ended, and lets a test inspect it while it is running.
import { type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import type { Simulator } from '../../src/simulator.ts';

export interface Heard {
  /** Null when the connection ended before any status. */
  status: number | null;
  headers: IncomingHttpHeaders;
  text: string;
  /** The bytes as they came, one piece for each HTTP chunk. */
  pieces: readonly Buffer[];
  /** `whole` is the proper end of the HTTP message. */
  ending: 'whole' | 'broken';
}

export interface OpenRequest {
  /** Resolves however the request ends; never rejects. */
  heard: Promise<Heard>;
  /** Resolves when the condition holds for what was received so far; also checked when the status arrives. */
  received(isMet: (textSoFar: string) => boolean): Promise<void>;
  abort(): void;
}

export interface Wanted {
  method?: string;
  path?: string;
  headers?: Record<string, string>;
  body?: unknown;
}

export function openRequest(simulator: Simulator, { method, path, headers, body }: Wanted): OpenRequest {
  const heard = { status: null as number | null, headers: {}, pieces: [] as Buffer[] };
  const watchers = new Set<() => void>();
  const changed = () => {
    for (const look of watchers) look();
  };
  const text = () => Buffer.concat(heard.pieces).toString();
  const sent = request(`${simulator.url}${path ?? '/v1/chat/completions'}`, {
    method: method ?? 'POST',
    agent: false,
    headers: { 'content-type': 'application/json', ...headers },
  });
  const ended = new Promise<Heard['ending']>((resolve) => listen(sent, heard, changed, resolve));
  sent.end(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    heard: ended.then((ending) => ({ ...heard, text: text(), ending })),
    received: (isMet) =>
      new Promise((resolve) => {
        const look = () => {
          if (heard.status === null || !isMet(text())) return;
          watchers.delete(look);
          resolve();
        };
        watchers.add(look);
        look();
      }),
    abort: () => sent.destroy(),
  };
}

function listen(
  sent: ClientRequest,
  heard: { status: number | null; headers: IncomingHttpHeaders; pieces: Buffer[] },
  changed: () => void,
  onEnd: (ending: Heard['ending']) => void,
): void {
  sent.on('error', () => onEnd('broken'));
  sent.on('response', (response) => {
    heard.status = response.statusCode ?? null;
    heard.headers = response.headers;
    changed();
    response.on('error', () => onEnd('broken'));
    response.on('close', () => onEnd(response.complete ? 'whole' : 'broken'));
    response.on('data', (piece: Buffer) => {
      heard.pieces.push(piece);
      changed();
    });
  });
}

export function ask(simulator: Simulator, wanted: Wanted): Promise<Heard> {
  return openRequest(simulator, wanted).heard;
}

/** Body of a chat request with one user message. */
export function chat(content: string, more: object = {}) {
  return { model: 'gpt-4o', messages: [{ role: 'user', content }], ...more };
}
