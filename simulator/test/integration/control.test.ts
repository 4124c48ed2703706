// The control API, and starting and stopping.
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat } from './client.ts';

let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ apiKey: 'sk-provider-1234' });
});
afterEach(() => simulator.close());

const hello = { body: chat('Hello.'), headers: { authorization: 'Bearer sk-provider-1234' } };

async function control(method: string, path: string, body?: unknown) {
  const { status, text } = await ask(simulator, { method, path, body });
  return { status, value: JSON.parse(text) };
}

describe('/sim/faults', () => {
  test('can be added, counted, shown and removed', async () => {
    const rules = ['503 first=1', { fault: 'cut@3', match: { promptContains: 'river' } }];
    expect((await control('PUT', '/sim/faults', rules)).status).toBe(200);
    expect((await ask(simulator, hello)).status).toBe(503);
    expect((await ask(simulator, hello)).status).toBe(200);
    expect((await control('GET', '/sim/faults')).value).toEqual([
      { rule: 'unavailable first=1', matched: 2, fired: 1 },
      { rule: 'cut@3 contains=river', matched: 0, fired: 0 },
    ]);
    expect((await control('DELETE', '/sim/faults')).value).toEqual([]);
  });

  test('are refused with a reason, and nothing changes', async () => {
    const { status, value } = await control('PUT', '/sim/faults', ['cutt']);
    expect(status).toBe(400);
    expect(value.error.message).toContain('there is no fault "cutt"');
    expect((await control('GET', '/sim/faults')).value).toEqual([]);
  });
});

describe('/sim/behaviour', () => {
  test('changes only the named settings', async () => {
    const { value } = await control('PUT', '/sim/behaviour', { tokens: 3, rpm: 100 });
    expect(value).toMatchObject({ tokens: 3, rpm: 100, contextWindow: 128_000 });
    expect(JSON.parse((await ask(simulator, hello)).text).usage.completion_tokens).toBe(3);
    expect((await control('GET', '/sim/behaviour')).value).toEqual(value);
  });

  test('refuses unknown settings', async () => {
    expect((await control('PUT', '/sim/behaviour', { tokns: 3 })).value.error.message).toContain('tokns');
  });
});

describe('/sim/bill', () => {
  test('has pages, with amounts as text', async () => {
    for (let i = 0; i < 3; i++) await ask(simulator, hello);
    const { value } = await control('GET', '/sim/bill?limit=2');
    expect(value.totals).toMatchObject({ calls: 3, costPicoUsd: String(simulator.bill.totals().costPicoUsd) });
    expect(value).toMatchObject({ entries: [{ sequence: 1 }, { sequence: 2 }], next: 2 });
    const rest = await control('GET', '/sim/bill?limit=2&after=2');
    expect(rest.value).toMatchObject({ entries: [{ sequence: 3 }], next: null });
    expect((await control('DELETE', '/sim/bill')).value.totals.calls).toBe(0);
    expect((await control('GET', '/sim/bill?limit=x')).status).toBe(400);
  });
});

describe('/sim/stats', () => {
  test('are counted and can be reset', async () => {
    await ask(simulator, hello);
    await ask(simulator, { body: chat('Hello.') });
    expect((await control('GET', '/sim/stats')).value).toMatchObject({
      calls: 1,
      outcomes: { completed: 1 },
      refusals: { key_missing: 1 },
    });
    expect((await control('DELETE', '/sim/stats')).value).toMatchObject({ calls: 0, refusals: {} });
  });
});

describe('/sim/requests', () => {
  test('show what was received, without the key', async () => {
    await ask(simulator, { ...hello, path: '/v1/chat/completions?x=1' });
    const { value } = await control('GET', '/sim/requests');
    expect(value).toEqual([
      {
        providerRequestId: simulator.bill.entries()[0]!.providerRequestId,
        atMs: expect.any(Number),
        method: 'POST',
        path: '/v1/chat/completions?x=1',
        headers: expect.objectContaining({ authorization: 'Bearer sk-********1234' }),
        body: JSON.stringify(hello.body),
        isBodyCut: false,
      },
    ]);
    await control('DELETE', '/sim/requests');
    expect(simulator.requests()).toEqual([]);
  });
});

describe('an unknown control address', () => {
  test('lists the known addresses', async () => {
    const { status, value } = await control('POST', '/sim/faults', []);
    expect(status).toBe(404);
    expect(value.error.message).toContain('PUT /sim/faults');
  });
});

describe('starting and stopping', () => {
  test('closing ends every call, and nothing keeps the process alive', async () => {
    const script = fileURLToPath(new URL('./start-and-close.ts', import.meta.url));
    const { stdout } = await promisify(execFile)(process.execPath, [script], { timeout: 10_000 });
    expect(JSON.parse(stdout)).toEqual({ endings: ['broken'], inFlight: 0, openStreams: 0 });
  });

  test('closing twice is harmless, and no waiter is left', async () => {
    const waiting = expect(simulator.until(() => false)).rejects.toThrow('was closed');
    await simulator.close();
    await simulator.close();
    await waiting;
  });

  test('the same port can be used again', async () => {
    const { port } = simulator;
    await simulator.close();
    simulator = await startSimulator({ port });
    expect(simulator.port).toBe(port);
    expect((await ask(simulator, hello)).status).toBe(200);
  });

  test('a port in use is an error', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    await expect(startSimulator({ port })).rejects.toThrow('EADDRINUSE');
    await new Promise((resolve) => other.close(resolve));
  });

  test('wrong options are an error', async () => {
    await expect(startSimulator({ faults: ['nothing'] })).rejects.toThrow('there is no fault');
  });
});
