// One HTTP exchange of a chaos client, on its own connection. Never rejects: the result tells how it ended.
import { type IncomingMessage, request } from 'node:http';

export interface Exchange {
  /** Null if the connection ended before a status. */
  status: number | null;
  headers: Record<string, string>;
  text: string;
  /** `whole`: proper end of the HTTP message; `left`: closed by the client; `slow`: the client's time limit was reached. */
  ending: 'whole' | 'broken' | 'left' | 'slow';
  endedAtMs: number;
}

export interface Wanted {
  url: string;
  method?: 'GET' | 'POST';
  headers: Record<string, string>;
  body?: string;
  /** The client disconnects after this time. */
  leaveAfterMs?: number | null;
  patienceMs: number;
}

export function exchange({ url, method = 'POST', headers, body, leaveAfterMs, patienceMs }: Wanted): Promise<Exchange> {
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    let answer: IncomingMessage | null = null;
    const sent = request(url, { method, headers: { 'content-type': 'application/json', ...headers }, agent: false });
    const end = (ending: Exchange['ending']) => {
      for (const timer of timers) clearTimeout(timer);
      resolve({
        status: answer?.statusCode ?? null,
        headers: (answer?.headers ?? {}) as Record<string, string>,
        text: Buffer.concat(pieces).toString(),
        ending,
        endedAtMs: Date.now(),
      });
      sent.destroy();
    };
    const timers = [setTimeout(() => end('slow'), patienceMs)];
    if (typeof leaveAfterMs === 'number') timers.push(setTimeout(() => end('left'), leaveAfterMs));
    sent.once('error', () => end('broken'));
    sent.once('response', (response) => {
      answer = response;
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.once('end', () => end(response.complete ? 'whole' : 'broken'));
      response.once('error', () => end('broken'));
      response.once('aborted', () => end('broken'));
    });
    sent.end(body);
  });
}
