// Sign-in to the console through an OpenID Connect provider, with a real browser and a real provider: identity, roles,
// sign-out, and what is refused.
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { admin } from '#test/support/admin.ts';
import { ADMIN_KEY, startBroker, type TestBroker } from '#test/support/broker.ts';
import { hasBrowser, openPage, prepareConsole, startBrowser } from '#test/support/console.ts';
import { signInAtIssuer, startIssuer, type TestIssuer } from '#test/support/oidc-issuer.ts';
import { waitFor } from '#test/support/wait.ts';

let issuer: TestIssuer;
let broker: TestBroker;
let browser: Browser;
let context: BrowserContext;
let page: Page;

beforeAll(async () => {
  if (!hasBrowser) return;
  prepareConsole();
  const person = (login: string, groups: string[]) => ({
    email: `${login}@example.com`,
    email_verified: login !== 'rita',
    groups,
  });
  issuer = await startIssuer({
    ada: person('ada', ['platform', 'everybody']),
    olga: person('olga', ['on-call']),
    rita: person('rita', ['support']),
    bob: person('bob', ['everybody']),
  });
  const oidc = {
    name: 'Example ID',
    issuer: issuer.url,
    client_id: issuer.clientId,
    client_secret: issuer.clientSecret,
    scopes: ['openid', 'email', 'groups'],
    roles: {
      owner: { emails: ['ada@example.com'] },
      operator: { groups: ['on-call'] },
      'read-only': { groups: ['support'] },
    },
  };
  broker = await startBroker({ configuration: { sign_in: { oidc } }, workers: 0 });
  browser = await startBrowser();
});
afterAll(async () => {
  await browser?.close();
  await broker?.stop();
  await issuer?.close();
});

beforeEach(async ({ skip }) => {
  if (!hasBrowser) skip('there is no Chromium here');
  context = await browser.newContext();
  ({ page } = await openPage(context));
});
afterEach(() => context?.close());

const heading = (name: string) => page.getByRole('heading', { name, exact: true }).waitFor();
const button = () => page.getByRole('link', { name: 'Sign in with Example ID' });

/** Through the console's page. */
async function signInAs(login: string, path = '/console/'): Promise<void> {
  await page.goto(broker.url + path);
  await button().click();
  await signInAtIssuer(page, login);
}

/** A call as the page makes it, with the session's cookie and token. */
async function ask(method: string, path: string, body?: object) {
  const script = `(async () => {
    const { csrf_token: token } = await (await fetch('/admin/session')).json();
    const headers = { 'x-csrf-token': token ?? '', 'content-type': 'application/json' };
    const answer = await fetch(${JSON.stringify(`/admin${path}`)}, { method: ${JSON.stringify(method)}, headers,
      body: ${body === undefined ? 'undefined' : JSON.stringify(JSON.stringify(body))} });
    return { status: answer.status, json: await answer.json() };
  })()`;
  return (await page.evaluate(script)) as { status: number; json: Record<string, unknown> };
}

type Audit = { data: { actor: string; role: string; method: string; path: string; status: number }[] };
const audit = async (query: string) => (await admin<Audit>(broker, 'GET', `/audit?${query}`)).json.data;

test('an unavailable provider: a page explains it, and the admin key still works', async () => {
  await page.goto(`${broker.url}/console/`);
  await button().click();
  await heading('You are not signed in');
  await page.getByText('cannot be reached or sent').waitFor();
  await page.getByText('You can still sign in with the admin key.').waitFor();
  await page.getByRole('link', { name: 'Back to the sign-in' }).click();
  await page.getByLabel('Admin key').fill(ADMIN_KEY);
  await page.getByRole('button', { name: 'Sign in with the key' }).click();
  await heading('Now');
  issuer.open(broker.url);
});

test('an owner returns to the requested page, acts by name, and is signed out at the provider too', async () => {
  await signInAs('ada', '/console/money');
  await heading('Money');
  await page.getByText('ada@example.com (ada) · owner').waitFor();
  const cookies = await context.cookies(`${broker.url}/admin/session`);
  expect(cookies).toMatchObject([{ httpOnly: true, sameSite: 'Strict', path: '/admin' }]);
  expect((await ask('GET', '/admin-keys')).status).toBe(200);
  const { json } = await ask('POST', '/keys', { name: 'made by ada' });
  expect(await audit(`actor=ADA@&path=/admin`)).toMatchObject([
    { actor: 'ada@example.com (ada)', role: 'owner', method: 'POST', path: '/admin/keys', status: 201 },
    { path: '/admin/sign-in/callback', status: 303 },
  ]);
  expect(JSON.stringify(json)).toContain('sk-sluice-');
  // What her cookie can do, a page of another origin cannot: it does not know the token.
  const cookie = `${cookies[0]!.name}=${cookies[0]!.value}`;
  const forged = await fetch(`${broker.url}/admin/keys`, { method: 'POST', headers: { cookie }, body: '{"name":"x"}' });
  expect(forged.status).toBe(401);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await page.getByRole('button', { name: 'Yes, sign me out' }).click();
  await page.getByLabel('Admin key').waitFor();
  expect(new URL(page.url()).origin).toBe(broker.url);
  expect((await fetch(`${broker.url}/admin/keys`, { headers: { cookie } })).status).toBe(401);
  await button().click();
  await page.locator('input[name=login]').waitFor();
});

test('roles are enforced: a viewer changes nothing, an operator cannot grant roles', async () => {
  await signInAs('rita');
  await page.getByText('rita@example.com (rita) · read-only').waitFor();
  expect((await ask('GET', '/keys')).status).toBe(200);
  expect((await ask('POST', '/keys', { name: 'x' })).status).toBe(403);
  await context.clearCookies();
  await signInAs('olga');
  await page.getByText('olga@example.com (olga) · operator').waitFor();
  expect((await ask('POST', '/keys', { name: 'made by olga' })).status).toBe(201);
  expect((await ask('GET', '/admin-keys')).status).toBe(403);
});

test('a user in no group with a role is told what the provider claims about them, and is logged', async () => {
  await signInAs('bob');
  await heading('You are not signed in');
  await page.getByText('Your account is bob@example.com (bob)').waitFor();
  await page.getByText("in 'groups': everybody").waitFor();
  expect((await context.cookies(`${broker.url}/admin/session`)).map(({ name }) => name)).toEqual([]);
  expect(await audit('actor=bob')).toMatchObject([{ role: 'none', status: 403, path: '/admin/sign-in/callback' }]);
});

test('a session ends after its lifetime, and when it is idle', async () => {
  const { client } = broker.redis;
  await signInAs('olga');
  await heading('Now');
  const [name] = await newestSession();
  const session = JSON.parse((await client.get(name))!) as { endsAtMs: number };
  expect(session.endsAtMs).toBeLessThanOrEqual(Date.now() + 12 * 3_600_000);
  expect(await client.pttl(name)).toBeLessThanOrEqual(3_600_000);
  await client.set(name, JSON.stringify({ ...session, endsAtMs: Date.now() - 1 }), 'KEEPTTL');
  await page.reload();
  await page.getByLabel('Admin key').waitFor();
});

async function newestSession(): Promise<[string]> {
  const cookie = (await context.cookies(`${broker.url}/admin/session`))[0]!.value;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(cookie));
  const [name] = await broker.redis.client.keys(`*:session:${Buffer.from(digest).toString('hex')}`);
  return [name!];
}

test('sessions of one operator are bounded: one more than twenty ends the oldest', async () => {
  const start = async () => {
    const headers = { authorization: `Bearer ${ADMIN_KEY}` };
    const answer = await fetch(`${broker.url}/admin/session`, { method: 'POST', headers });
    return answer.headers.get('set-cookie')!.split(';')[0]!;
  };
  const status = async (cookie: string) => (await fetch(`${broker.url}/admin/session`, { headers: { cookie } })).status;
  const first = await start();
  expect(await status(first)).toBe(200);
  for (let n = 0; n < 20; n++) await start();
  await waitFor('the oldest to end', async () => (await status(first)) === 401);
});

describe('without a browser', () => {
  const begin = async (to = '/console/') => {
    const path = `/admin/sign-in/oidc?to=${encodeURIComponent(to)}`;
    const answer = await fetch(broker.url + path, { redirect: 'manual' });
    const [cookie, ...attributes] = answer.headers.get('set-cookie')!.split('; ');
    return {
      answer,
      cookie: cookie!,
      attributes,
      state: new URL(answer.headers.get('location')!).searchParams.get('state'),
    };
  };
  const back = (search: string, cookie?: string) =>
    fetch(`${broker.url}/admin/sign-in/callback${search}`, {
      redirect: 'manual',
      ...(cookie === undefined ? {} : { headers: { cookie } }),
    });

  test('the state is kept in a cookie that lasts for the redirect, and no longer', async () => {
    const { answer, attributes } = await begin();
    expect(answer.status).toBe(303);
    expect(attributes).toEqual(
      expect.arrayContaining(['Path=/admin/sign-in', 'SameSite=Lax', 'HttpOnly', 'Max-Age=600']),
    );
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test.each([
    ['another state', async () => back('?code=x&state=another', (await begin()).cookie)],
    ['no cookie', async () => back(`?code=x&state=${(await begin()).state}`)],
    [
      'a cookie that is none of ours',
      async () => back('?code=x&state=y', (await begin()).cookie.replace(/=.*/, '=AAAA')),
    ],
    [
      'a code that the provider did not give',
      async () => {
        const { cookie, state } = await begin();
        return back(`?code=forged&state=${state}&iss=${encodeURIComponent(issuer.url)}`, cookie);
      },
    ],
  ])('a callback with %s gets an error page, and no session', async (_name, come) => {
    const answer = await come();
    expect(answer.status).toBe(400);
    expect(answer.headers.get('content-type')).toContain('text/html');
    expect(answer.headers.get('set-cookie') ?? '').not.toContain('sluice_console');
  });

  test('what a provider says is shown as text', async () => {
    const { cookie, state } = await begin();
    const markup = encodeURIComponent('<script>alert(1)</script>');
    const answer = await back(
      `?error=access_denied&error_description=${markup}&state=${state}&iss=${encodeURIComponent(issuer.url)}`,
      cookie,
    );
    expect(answer.status).toBe(403);
    const text = await answer.text();
    expect(text).toContain('&lt;script&gt;alert(1)');
    expect(text).not.toContain('<script>');
  });

  test.each([
    'https://evil.example/',
    '//evil.example',
    '/admin/session',
    '/console//evil',
    'javascript:alert(1)',
    '/consoleevil',
  ])('%s is not accepted as a return address', async (to) => {
    const { cookie } = await begin(to);
    const attempt = JSON.parse(Buffer.from(cookie.split('=')[1]!, 'base64url').toString()) as { to: string };
    expect(attempt.to).toBe('/console/');
  });

  test('an address with many failures has to wait', async () => {
    const statuses: number[] = [];
    for (let n = 0; n < 30; n++) statuses.push((await back('?code=x&state=y')).status);
    expect(statuses[0]).toBe(400);
    expect(statuses.at(-1)).toBe(429);
  });
});

test('metrics can be read with a viewer’s key, also while SQL is down', async () => {
  const { json } = await admin<{ key: string; id: string }>(broker, 'POST', '/admin-keys', {
    name: 'p',
    role: 'read-only',
  });
  const metrics = async (key: string) =>
    (await fetch(`${broker.url}/metrics`, { headers: { authorization: `Bearer ${key}` } })).status;
  expect(await metrics(json.key)).toBe(200);
  expect(await metrics('sk-admin-none')).toBe(401);
  await broker.database.schema.alterTable('admin_keys').renameTo('admin_keys_away').execute();
  expect(await metrics(json.key)).toBe(200);
  expect(await metrics('sk-admin-none')).toBe(503);
  await broker.database.schema.alterTable('admin_keys_away').renameTo('admin_keys').execute();
  await admin(broker, 'DELETE', `/admin-keys/${json.id}`);
  expect(await metrics(json.key)).toBe(401);
});
