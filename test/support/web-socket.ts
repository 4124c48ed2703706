// A client of the Responses API over a WebSocket that remembers the messages that it received.
import { WebSocket } from 'ws';
import { waitFor } from './wait.ts';

export interface SocketEvent extends Record<string, unknown> {
  type: string;
}

export interface TestSocket {
  socket: WebSocket;
  events: SocketEvent[];
  send(event: object): void;
  /** The first event like this from here on; everything up to it has been read. */
  next(type: string | RegExp, streamId?: string): Promise<SocketEvent>;
  closed: Promise<{ code: number }>;
}

export async function openSocket(url: string, headers: Record<string, string>): Promise<TestSocket> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers });
  const events: SocketEvent[] = [];
  socket.on('message', (data) => events.push(JSON.parse(String(data)) as SocketEvent));
  const closed = new Promise<{ code: number }>((resolve) => socket.once('close', (code) => resolve({ code })));
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  let read = 0;
  return {
    socket,
    events,
    closed,
    send: (event) => socket.send(JSON.stringify(event)),
    next: (type, streamId) =>
      waitFor(`an event ${type}`, async () => {
        const isLike = (event: SocketEvent) =>
          (typeof type === 'string' ? event.type === type : type.test(event.type)) &&
          (streamId === undefined || event.stream_id === streamId);
        const at = events.findIndex((event, index) => index >= read && isLike(event));
        if (at < 0) return null;
        if (streamId === undefined) read = at + 1;
        return events[at]!;
      }),
  };
}

/** Status and body of an upgrade that is refused. */
export function refusedUpgrade(
  url: string,
  headers: Record<string, string>,
): Promise<{ status: number; body: string }> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers });
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.terminate();
      reject(new Error('the upgrade was taken'));
    });
    socket.on('error', () => undefined);
    socket.once('unexpected-response', (_request, answer) => {
      let body = '';
      answer.on('data', (chunk) => {
        body += String(chunk);
      });
      answer.once('end', () => resolve({ status: answer.statusCode ?? 0, body }));
      answer.once('error', reject);
    });
  });
}
