// Symptom: a provider's error that quoted its key reached the tenant, Redis and SQL. Cause: only keys with a known prefix were
// removed from messages. Fix: secrets that were sent to a provider are removed from all bytes that it sends back. Also:
// administration and metrics have a separate listener.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { PRICE } from '#test/support/providers.ts';

const SECRET = '5f4dcc3b5aa765d61d8327deb882cf99';
const ESCAPED = [...SECRET].map((char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`).join('');
const PROTOCOLS = ['openai-chat', 'openai-responses', 'anthropic-messages', 'gemini-generate-content'] as const;

/** Quotes the key in the form that the model's name selects. */
function quote(request: IncomingMessage, response: ServerResponse): void {
  let body = '';
  request.on('data', (piece: Buffer) => {
    body += piece.toString();
  });
  request.on('end', () => {
    const { model, stream } = JSON.parse(body) as { model?: string; stream?: boolean };
    const wanted = model ?? /models\/([a-z]+)/.exec(request.url ?? '')?.[1];
    if (wanted === 'inside' && stream) {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      // Cut in the middle of the secret.
      response.write(`data: {"id":"${SECRET}","choices":[{"index":0,"delta":{"content":"Hello ${SECRET.slice(0, 9)}`);
      setImmediate(() => {
        response.write(`${SECRET.slice(9)}"}}]}\n\n`);
        response.end(`data: {"error":{"message":"key ${ESCAPED} expired","code":"${SECRET}"}}\n\n`);
      });
      return;
    }
    const said = wanted === 'escaped' ? ESCAPED : SECRET;
    const status = wanted === 'unauthorized' ? 401 : 400;
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(`{"error":{"message":"bad request with key ${said}","code":"${said}","status":"INVALID_ARGUMENT"}}`);
  });
}

let server: Server;
let broker: TestBroker;

beforeAll(async () => {
  server = createServer(quote).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const names = ['plain', 'escaped', 'unauthorized', 'inside'];
  broker = await startBroker({
    configuration: {
      server: { admin: { port: 0 } },
      dead_letters: { bodies: 'plain' },
      providers: Object.fromEntries(
        PROTOCOLS.map((protocol) => [
          protocol,
          {
            protocols: [protocol],
            base_url: protocol.startsWith('openai') ? `${url}/v1` : url,
            api_key: SECRET,
            retries: { max: 0 },
          },
        ]),
      ),
      models: Object.fromEntries(
        PROTOCOLS.flatMap((provider) =>
          names.map((model) => [
            `${provider}/${model}`,
            { deployments: [{ id: `${provider}-${model}`, provider, model, price: PRICE }] },
          ]),
        ),
      ),
    },
  });
}, 60_000);
afterAll(async () => {
  await broker?.stop();
  server?.close();
});

/** Everything in Redis, as its replicas and files would hold it. */
async function redisBytes(): Promise<string> {
  const { client } = broker.redis;
  const dumps = await Promise.all((await client.keys('*')).map((key) => client.dumpBuffer(key)));
  return dumps.map((dump) => dump?.toString('latin1') ?? '').join('\n');
}

async function sqlText(): Promise<string> {
  const tables = ['ledger_entries', 'requests', 'dead_letters'] as const;
  const rows = await Promise.all(tables.map((table) => broker.database.selectFrom(table).selectAll().execute()));
  return JSON.stringify(rows, (_key, value) => (typeof value === 'bigint' ? String(value) : value));
}

describe.each(PROTOCOLS)('%s', (protocol) => {
  test.each(['plain', 'escaped', 'unauthorized'])(
    'what the client received of %s: the error, not the key',
    async (kind) => {
      for (const stream of [false, true]) {
        const { text, status } = await ask(broker.url, { model: `${protocol}/${kind}`, stream });
        expect(status).toBeGreaterThanOrEqual(400);
        expect(text).not.toContain(SECRET);
        expect(text).toContain('[redacted]');
      }
    },
  );
});

test('what the client received of a stream that quotes it: the key is neither in the text nor in the error', async () => {
  const { text } = await ask(broker.url, { model: 'openai-chat/inside', stream: true });
  expect(text).toContain('Hello [redacted]');
  expect(text).not.toContain(SECRET);
});

test('what is stored: Redis, SQL and logs do not contain it', async () => {
  await booksClosed(broker);
  const logs = [...broker.apis, ...broker.workers].map((running) => running.log()).join('\n');
  for (const kept of [await redisBytes(), await sqlText(), logs]) expect(kept).not.toContain(SECRET);
  expect(await sqlText()).toContain('upstream_bad_request');
});

describe('the admin listener', () => {
  const adminUrl = () => String(broker.apis[0]!.details.adminUrl);
  const key = { authorization: `Bearer ${ADMIN_KEY}` };

  test.each(['/admin/keys', '/metrics'])('%s is not on the clients’ port, with any key', async (path) => {
    expect((await fetch(`${broker.url}${path}`, { headers: key })).status).toBe(404);
  });

  test('the admin API requires its key there, metrics and probes do not', async () => {
    expect((await fetch(`${adminUrl()}/admin/keys`)).status).toBe(401);
    expect((await fetch(`${adminUrl()}/admin/keys`, { headers: key })).status).toBe(200);
    expect(await (await fetch(`${adminUrl()}/metrics`)).text()).toContain('sluice_requests_total');
    expect(await (await fetch(`${adminUrl()}/readyz`)).json()).toMatchObject({ holds: [] });
  });

  test('clients see only whether it is ready; details require a key', async () => {
    expect(await (await fetch(`${broker.url}/readyz`)).json()).not.toHaveProperty('holds');
    expect((await fetch(`${broker.url}/openapi.json`)).status).toBe(401);
    expect(
      (await fetch(`${broker.url}/openapi.json`, { headers: { authorization: 'Bearer sk-sluice-test' } })).status,
    ).toBe(200);
  });

  test('it does not serve inference', async () => {
    expect((await ask(adminUrl(), { model: 'openai-chat/plain' })).status).toBe(404);
  });
});
