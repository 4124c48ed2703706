// A WebSocket's age, its limits and its memory; test/e2e/responses-websocket.test.ts has its turns.
import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { forwardedHeaders } from '#src/api/admit/forwarded-headers.ts';
import type { ApiContext } from '#src/api/context.ts';
import type { Relay } from '#src/api/relay/relay.ts';
import { ResponsesConnection } from '#src/api/websocket/connection.ts';
import { createTurnMemory } from '#src/api/websocket/turn-memory.ts';

class FakeSocket extends EventEmitter {
  sent: Record<string, unknown>[] = [];
  closedWith: number | null = null;
  pings = 0;
  isTerminated = false;
  bufferedAmount = 0;
  send = (text: string) => void this.sent.push(JSON.parse(text) as Record<string, unknown>);
  close = (code: number) => {
    this.closedWith = code;
    this.emit('close');
  };
  terminate = () => {
    this.isTerminated = true;
    this.emit('close');
  };
  ping = () => {
    this.pings += 1;
  };
  pause = () => undefined;
  resume = () => undefined;
}

const context = {
  configuration: { server: { keep_alive_ms: 15_000, body_limit_bytes: 1_000 } },
  isClosing: () => false,
} as unknown as ApiContext;
const settings = { connections_per_key: 1, turns_per_connection: 1, max_minutes: 60 };

function connect(): FakeSocket {
  const socket = new FakeSocket();
  const options = { secret: null, headers: {}, memory: createTurnMemory().open(), settings };
  new ResponsesConnection(context, {} as Relay, { ...options, socket: socket as unknown as WebSocket });
  return socket;
}

describe('a connection', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  test('reports that it is too old, and closes', () => {
    const socket = connect();
    const answering = setInterval(() => socket.emit('pong'), 1_000);
    vi.advanceTimersByTime(59 * 60_000);
    expect(socket.closedWith).toBeNull();
    vi.advanceTimersByTime(60_000);
    clearInterval(answering);
    expect(socket.sent).toMatchObject([
      { type: 'error', status: 400, error: { code: 'websocket_connection_limit_reached' } },
    ]);
    expect(socket.closedWith).toBe(1001);
  });

  test('is closed if its client answers no pings, but not if it reads slowly', () => {
    const dead = connect();
    const slow = connect();
    slow.bufferedAmount = 1;
    vi.advanceTimersByTime(5 * 15_000);
    expect(dead.isTerminated).toBe(true);
    expect([slow.isTerminated, slow.pings]).toEqual([false, 0]);
  });

  test('leaves no timers', () => {
    connect().close(1000);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe('what a connection stores', () => {
  const body = (text: string) => Buffer.from(JSON.stringify({ input: text, model: 'm' }));
  const output = Buffer.from('[{"type":"message","role":"assistant","content":[]},{"type":"reasoning","id":"rs_1"}]');

  test('is input and output of a turn, without items that cannot be sent again', () => {
    const memory = createTurnMemory().open();
    memory.keep('resp_1', body('Hello'), output);
    expect(memory.recall('resp_1')).toMatchObject([{ role: 'user' }, { role: 'assistant' }]);
    expect(memory.recall('resp_2')).toBeNull();
  });

  test('is separate, bounded, and deleted with it', () => {
    const turns = createTurnMemory(1_000);
    const [one, other] = [turns.open(), turns.open()];
    one.keep('resp_1', body('Hello'), output);
    expect(other.recall('resp_1')).toBeNull();
    other.keep('resp_2', body('x'.repeat(850)), output);
    expect(one.recall('resp_1')).toBeNull();
    other.keep('resp_3', body('x'.repeat(2_000)), output);
    expect(other.recall('resp_3')).toBeNull();
    expect(other.recall('resp_2')).not.toBeNull();
    other.close();
    expect(other.recall('resp_2')).toBeNull();
  });

  test('is the last few turns', () => {
    const memory = createTurnMemory().open();
    for (let turn = 0; turn < 40; turn++) memory.keep(`resp_${turn}`, body('x'), output);
    expect(memory.recall('resp_0')).toBeNull();
    expect(memory.recall('resp_39')).not.toBeNull();
  });
});

describe('headers passed to the provider', () => {
  const responses = { name: 'openai-responses', forwardedHeaders: [] };
  const messages = { name: 'anthropic-messages', forwardedHeaders: ['anthropic-version', 'anthropic-beta'] };

  test.each([
    ['betas and sessions', responses, { 'openai-beta': 'a=1', session_id: 's', 'x-codex-window-id': 'w' }, 3],
    ['the socket’s own beta is not', responses, { 'openai-beta': 'responses_websockets=2026-02-06' }, 0],
    ['keys and accounts are not', responses, { authorization: 'x', 'openai-organization': 'o', cookie: 'c' }, 0],
    ['another protocol’s are not', responses, { 'anthropic-beta': 'b', 'x-claude-code-session-id': 's' }, 0],
    ['Anthropic’s', messages, { 'anthropic-beta': 'b', 'x-claude-code-session-id': 's', session_id: 's' }, 2],
    ['one that is too long is not', responses, { session_id: 'x'.repeat(5_000), originator: 'codex' }, 1],
  ])('%s', (_, client, headers, count) => {
    expect(Object.keys(forwardedHeaders(headers, client))).toHaveLength(count);
  });

  test('are bounded in number and total length', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`x-codex-${at}`, 'x']));
    expect(Object.keys(forwardedHeaders(many, responses))).toHaveLength(24);
    const long = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`x-codex-${at}`, 'x'.repeat(4_000)]));
    expect(Object.keys(forwardedHeaders(long, responses))).toHaveLength(3);
  });
});
