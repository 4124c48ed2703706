// Requests that failed permanently: stored once, with an encrypted body, and replayed, also with another model.
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import { ask, openAnswer } from '#test/support/client.ts';
import { booksClosed } from '#test/support/ledger.ts';
import { processPath } from '#test/support/processes.ts';
import { deployment, type Providers, providerConfiguration, startProviders } from '#test/support/providers.ts';
import { waitFor } from '#test/support/wait.ts';

interface Letter {
  id: string;
  model: string;
  provider: string | null;
  error: { code: string; message: string };
  attempts: number | object[];
  timeline: { kind: string }[];
  body: string;
  replays: { request_id: string }[];
}

let vendors: Providers;
let broker: TestBroker;

beforeAll(async () => {
  vendors = await startProviders({ tokens: 12 });
  const configuration = providerConfiguration(vendors);
  configuration.dead_letters = { key: randomBytes(32).toString('base64') };
  // Each test uses its own failing model, so that no circuit opens for the others.
  for (const provider of Object.values(configuration.providers!)) provider.circuit = { failures: 1_000 };
  configuration.models!.other = { deployments: [deployment('secondary', 'other')] };
  broker = await startBroker({ configuration, workers: 2 });
});
afterAll(async () => {
  await broker?.stop();
  await vendors?.close();
});

const broken = '[[sim on=primary fault=500]]';
const letters = async (query = '') =>
  (await admin<{ data: Letter[]; has_more: boolean; next: string | null }>(broker, 'GET', `/dead-letters${query}`))
    .json;
const letterOf = (id: string) =>
  waitFor(`the dead letter of ${id}`, async () => {
    const { status, json } = await admin<Letter>(broker, 'GET', `/dead-letters/${id}`);
    return status === 200 ? json : null;
  });
async function requestOf(id: string): Promise<Record<string, unknown>> {
  const answer = await fetch(`${broker.url}/v1/requests/${id}`, { headers: { authorization: `Bearer ${TEST_KEY}` } });
  return (await answer.json()) as Record<string, unknown>;
}
const completed = (id: string) =>
  waitFor(`${id} to be completed`, async () => {
    const request = await requestOf(id);
    return request.status === 'completed' && request.finished_at !== null ? request : null;
  });
const idOf = (answer: { headers: Record<string, string> }) => answer.headers['x-request-id']!;

describe('a request that failed permanently', () => {
  test.each([false, true])('is kept with failure, timeline and attempts (streamed: %s)', async (stream) => {
    const answer = await ask(broker.url, { stream, prompt: `${broken} my secret prompt` });
    expect(answer.status).toBe(502);
    const letter = await letterOf(idOf(answer));
    expect(letter).toMatchObject({
      model: 'solo',
      provider: 'primary',
      error: { code: 'upstream_server_error' },
      body: 'sealed',
      replays: [],
    });
    await booksClosed(broker);
    const { attempts } = (await admin<Letter>(broker, 'GET', `/dead-letters/${letter.id}`)).json;
    expect(attempts).toMatchObject([{ outcome: 'upstream_server_error' }, { outcome: 'upstream_server_error' }]);
    expect(letter.timeline.filter(({ kind }) => kind === 'attempt')).toHaveLength(2);
  });

  test('leaves no body in Redis, and no readable one in SQL', async () => {
    const answer = await ask(broker.url, { prompt: `${broken} my secret prompt` });
    const { id } = await letterOf(idOf(answer));
    await waitFor('its body to leave Redis', async () => {
      return (await broker.redis.client.keys(`{sluice:r*}:body:${id}`)).length === 0;
    });
    const row = await broker.database
      .selectFrom('dead_letters')
      .selectAll()
      .where('request_id', '=', id)
      .executeTakeFirst();
    const everything = Buffer.concat([Buffer.from(JSON.stringify(row, shown)), Buffer.from(row!.body!)]);
    expect(everything.includes('secret')).toBe(false);
  });

  test('can be found by model, provider, code and time, in pages', async () => {
    const all = await letters();
    expect(all.data.length).toBeGreaterThanOrEqual(3);
    const page = await letters('?limit=2&model=solo&provider=primary&code=upstream_server_error');
    expect([page.data.length, page.has_more]).toEqual([2, true]);
    const rest = await letters(`?limit=500&after=${page.next}`);
    expect([...page.data, ...rest.data].map(({ id }) => id)).toEqual(all.data.map(({ id }) => id));
    expect((await letters('?model=pair')).data).toEqual([]);
    expect((await letters('?to=2020-01-01')).data).toEqual([]);
    expect((await admin(broker, 'GET', '/dead-letters?from=yesterday')).status).toBe(400);
  });

  test('is not kept if it was answered, cancelled or invalid', async () => {
    const good = await ask(broker.url, { prompt: 'fine' });
    const wrong = await ask(broker.url, { prompt: '[[sim fault=400]]' });
    const gone = openAnswer(broker.url, { stream: true, prompt: '[[sim tokens=500 pace=50]]' });
    await waitFor('some of it', () => gone.bytes > 0);
    gone.abort();
    const goneId = idOf(gone);
    await waitFor('its end', async () => (await requestOf(goneId)).status === 'cancelled');
    await booksClosed(broker);
    for (const id of [idOf(good), idOf(wrong), goneId]) {
      expect((await admin(broker, 'GET', `/dead-letters/${id}`)).status).toBe(404);
    }
  });
});

describe('a replay', () => {
  test('is a new request of the same key; each refers to the other', async () => {
    const failed = await ask(broker.url, { prompt: '[[sim on=primary fault=500 times=2]] once more' });
    expect(failed.status).toBe(502);
    const { id } = await letterOf(idOf(failed));
    const { status, json } = await admin<{ request_id: string }>(broker, 'POST', `/dead-letters/${id}/replay`);
    expect(status).toBe(202);
    const request = await completed(json.request_id);
    expect(request).toMatchObject({ model: 'solo', replay_of: id, answer: { status: 200 } });
    expect((await letterOf(id)).replays).toMatchObject([{ request_id: json.request_id }]);
    expect(await requestOf(id)).toMatchObject({ status: 'failed', replayed_as: [json.request_id] });
  });

  test('may use another model or provider', async () => {
    const failed = await ask(broker.url, { prompt: broken });
    const { id } = await letterOf(idOf(failed));
    const other = await admin<{ request_id: string }>(broker, 'POST', `/dead-letters/${id}/replay`, { model: 'other' });
    expect(await completed(other.json.request_id)).toMatchObject({ model: 'other', provider: 'secondary' });
    const vendor = { model: 'pair', vendor: 'secondary' };
    const pinned = await admin<{ request_id: string }>(broker, 'POST', `/dead-letters/${id}/replay`, vendor);
    expect(await completed(pinned.json.request_id)).toMatchObject({ model: 'pair', provider: 'secondary' });
    expect((await admin(broker, 'POST', `/dead-letters/${id}/replay`, { model: 'nothing' })).status).toBe(404);
    expect((await letterOf(id)).replays).toHaveLength(2);
  });

  test('that fails too is a new dead letter', async () => {
    const failed = await ask(broker.url, { prompt: broken });
    const { id } = await letterOf(idOf(failed));
    const { json } = await admin<{ request_id: string }>(broker, 'POST', `/dead-letters/${id}/replay`);
    expect(await letterOf(json.request_id)).toMatchObject({ replay_of: id, error: { code: 'upstream_server_error' } });
  });

  test('of many is bounded and counted, and skips those already replayed', async () => {
    const { secret, id: keyId } = await broker.createKey('many');
    const prompts = Array.from({ length: 7 }, (_, index) => `[[sim on=primary fault=500 times=2]] many ${index}`);
    const failed = await Promise.all(prompts.map((prompt) => ask(broker.url, { key: secret, prompt })));
    for (const answer of failed) await letterOf(idOf(answer));
    const wanted = { filter: { key: keyId, code: 'upstream_server_error' }, limit: 4, model: 'other' };
    const first = await admin(broker, 'POST', '/dead-letters/replay', wanted);
    expect(first.json).toMatchObject({ matched: 7, replayed: 4, failed: 0 });
    const second = await admin(broker, 'POST', '/dead-letters/replay', wanted);
    expect(second.json).toMatchObject({ matched: 3, replayed: 3, failed: 0 });
    const third = await admin(broker, 'POST', '/dead-letters/replay', wanted);
    expect(third.json).toMatchObject({ matched: 0, replayed: 0 });
    expect((await letters(`?key=${keyId}&replayed=true`)).data).toHaveLength(7);
  });

  test('of a revoked key is refused', async () => {
    const { secret, id: keyId } = await broker.createKey('revoked');
    const failed = await ask(broker.url, { key: secret, prompt: broken });
    const { id } = await letterOf(idOf(failed));
    await admin(broker, 'DELETE', `/keys/${keyId}`);
    const { status, json } = await admin(broker, 'POST', `/dead-letters/${id}/replay`);
    expect([status, JSON.stringify(json)]).toEqual([400, expect.stringContaining('revoked')]);
    expect((await letterOf(id)).replays).toEqual([]);
  });
});

test('a dead letter can be deleted; all of them at once cannot', async () => {
  const failed = await ask(broker.url, { prompt: broken });
  const { id } = await letterOf(idOf(failed));
  expect((await admin(broker, 'DELETE', '/dead-letters')).status).toBe(400);
  expect((await admin(broker, 'DELETE', `/dead-letters/${id}`)).json).toEqual({ id, deleted: true });
  expect((await admin(broker, 'GET', `/dead-letters/${id}`)).status).toBe(404);
  const { json } = await admin<{ deleted: number }>(broker, 'DELETE', '/dead-letters?model=solo&replayed=true');
  expect(json.deleted).toBeGreaterThan(0);
});

test('the command line does the same', async () => {
  const failed = await ask(broker.url, { prompt: '[[sim on=primary fault=500 times=2]] by command' });
  const { id } = await letterOf(idOf(failed));
  const listed = JSON.parse(
    await sluice('dead-letters', 'list', '--json', '--code', 'upstream_server_error'),
  ) as Letter[];
  expect(listed.map((letter) => letter.id)).toContain(id);
  expect(JSON.parse(await sluice('dead-letters', 'show', id))).toMatchObject({ id, body: 'sealed' });
  const replayed = JSON.parse(await sluice('dead-letters', 'replay', id, '--as-model', 'other', '--json'));
  expect(await completed(replayed.request_id)).toMatchObject({ replay_of: id });
  expect(await sluice('dead-letters', 'delete', id)).toContain('1 deleted');
  expect(await sluice('hold', 'secondary', '--reason', 'by command')).toContain('provider:secondary is held');
  expect(JSON.parse(await sluice('holds', '--json'))).toMatchObject([
    { name: 'provider:secondary', reason: 'by command' },
  ]);
  expect(await sluice('release', 'secondary')).toContain('released');
  await expect(sluice('release', 'secondary')).rejects.toThrow('is not on hold');
});

async function sluice(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [processPath('src/cli.ts'), ...args], {
    cwd: new URL('../../', import.meta.url),
    env: { ...process.env, SLUICE_ADMIN_KEY: ADMIN_KEY, SLUICE_BASE_URL: `${broker.url}/v1` },
  });
  return stdout;
}

/** Bytes as they are. */
function shown(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? value.toString() : value;
}
