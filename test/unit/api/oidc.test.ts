// The OpenID Connect client: which responses are trusted, and the role of an identity. The provider is a fake that signs
// whatever a test needs.
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { createOidcClient, SignInError } from '#src/api/sign-in/oidc.ts';
import { type Claims, nameOf, roleOf } from '#src/api/sign-in/role-of.ts';
import { configurationSchema } from '#src/config/schema.ts';
import type { OidcSettings } from '#src/config/sign-in-schema.ts';

const CALLBACK = 'http://127.0.0.1:8080/admin/sign-in/callback';
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;

/** What the provider does; each test begins with a good one. */
interface Behaviour {
  isDown?: boolean;
  claims: object;
  header: object;
  key: KeyObject;
  userInfo: object;
  tokenError?: object;
}
let behaviour: Behaviour;
let server: Server;
let issuer: string;
/** Of the last call to the token endpoint. */
let received: { body: URLSearchParams; authorization: string | undefined };

const base64 = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
const seconds = () => Math.floor(Date.now() / 1_000);

function idToken(): string {
  const signed = `${base64(behaviour.header)}.${base64(behaviour.claims)}`;
  const isSigned = (behaviour.header as { alg: string }).alg !== 'none';
  return `${signed}.${isSigned ? sign('sha256', Buffer.from(signed), behaviour.key).toString('base64url') : ''}`;
}

beforeAll(async () => {
  server = createServer(async (request, reply) => {
    if (behaviour.isDown === true) return request.socket.destroy();
    let body = '';
    for await (const piece of request) body += piece;
    const send = (answer: object, status = 200) =>
      reply.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));
    const path = request.url!;
    if (path.startsWith('/.well-known')) return send(discovered());
    if (path === '/jwks')
      return send({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'a', use: 'sig', alg: 'RS256' }] });
    if (path === '/userinfo') return send(behaviour.userInfo);
    received = { body: new URLSearchParams(body), authorization: request.headers.authorization };
    if (behaviour.tokenError !== undefined) return send(behaviour.tokenError, 400);
    return send({ access_token: 'a', token_type: 'Bearer', expires_in: 60, id_token: idToken() });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

function discovered(): object {
  return {
    issuer,
    authorization_endpoint: `${issuer}/authorize`,
    token_endpoint: `${issuer}/token`,
    jwks_uri: `${issuer}/jwks`,
    userinfo_endpoint: `${issuer}/userinfo`,
    end_session_endpoint: `${issuer}/logout`,
    response_types_supported: ['code'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256'],
  };
}

function settingsWith(more: object = {}): OidcSettings {
  const oidc = { issuer, client_id: 'sluice', client_secret: 'a secret', ...more };
  return configurationSchema.parse({ sign_in: { oidc } }).sign_in.oidc!;
}

const goodClaims = () => ({
  iss: issuer,
  aud: 'sluice',
  sub: 'sub-1',
  iat: seconds(),
  exp: seconds() + 300,
  email: 'ada@example.com',
  email_verified: true,
  groups: ['operators'],
});

beforeEach(() => {
  behaviour = { claims: goodClaims(), header: { alg: 'RS256', kid: 'a' }, key: privateKey, userInfo: { sub: 'sub-1' } };
});

/** A complete sign-in, as a browser does it. @param change changes what the provider signs, and the callback. */
async function signIn(change: object = {}, { settings = settingsWith(), search = '' } = {}) {
  const client = createOidcClient(settings);
  const { url, attempt } = await client.begin(CALLBACK, '/console/');
  const asked = new URL(url).searchParams;
  behaviour.claims = { ...goodClaims(), nonce: asked.get('nonce'), ...change };
  return client.finish(CALLBACK, search || `?code=c&state=${asked.get('state')}`, attempt);
}

async function reasonOf(attempt: Promise<unknown>): Promise<SignInError> {
  const error = await attempt.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(SignInError);
  return error as SignInError;
}

test('sign-in uses PKCE, state and nonce, and the code is exchanged with the verifier', async () => {
  const client = createOidcClient(settingsWith({ scopes: ['email', 'groups'] }));
  const { url, attempt } = await client.begin(CALLBACK, '/console/money');
  const asked = Object.fromEntries(new URL(url).searchParams);
  expect(asked).toMatchObject({
    client_id: 'sluice',
    redirect_uri: CALLBACK,
    response_type: 'code',
    scope: 'openid email groups',
    code_challenge_method: 'S256',
    state: attempt.state,
    nonce: attempt.nonce,
  });
  behaviour.claims = { ...goodClaims(), nonce: attempt.nonce };
  const { claims } = await client.finish(CALLBACK, `?code=c&state=${attempt.state}`, attempt);
  expect(claims).toMatchObject({ sub: 'sub-1', groups: ['operators'] });
  expect(received.body.get('code_verifier')).toBe(attempt.verifier);
  expect(received.body.get('redirect_uri')).toBe(CALLBACK);
  expect(received.authorization).toMatch(/^Basic /);
});

test('a secret in a file is read for every sign-in; without one, the client is public', async () => {
  const file = join(tmpdir(), `sluice-oidc-${process.pid}`);
  const settings = settingsWith({
    client_secret: undefined,
    client_secret_file: file,
    client_authentication: 'client_secret_post',
  });
  for (const secret of ['first', 'second']) {
    writeFileSync(file, `${secret}\n`);
    await signIn({}, { settings });
    expect(received.body.get('client_secret')).toBe(secret);
  }
  await signIn({}, { settings: settingsWith({ client_secret: undefined }) });
  expect([received.body.get('client_secret'), received.authorization]).toEqual([null, undefined]);
});

test('claims missing in the token are requested from the provider', async () => {
  behaviour.userInfo = { sub: 'sub-1', groups: ['owners'], email: 'other@example.com' };
  const { claims } = await signIn({ groups: undefined });
  expect(claims).toMatchObject({ groups: ['owners'], email: 'ada@example.com' });
  behaviour.userInfo = { sub: 'somebody else', groups: ['owners'] };
  expect((await reasonOf(signIn({ groups: undefined }))).kind).toBe('invalid');
});

describe('rejected', () => {
  test.each([
    ['for another client', { aud: 'another' }],
    ['of another issuer', { iss: 'https://elsewhere.example' }],
    ['of another sign-in', { nonce: 'another' }],
    ['without a nonce', { nonce: undefined }],
    ['that has expired', { exp: seconds() - 300 }],
    ['that is not valid yet', { nbf: seconds() + 300 }],
    ['without an end', { exp: undefined }],
  ])('a token %s', async (_name, change) => {
    expect((await reasonOf(signIn(change))).kind).toBe('invalid');
  });

  test.each([
    ['that somebody else signed', { key: stranger }],
    ['that nobody signed', { header: { alg: 'none' } }],
    ['signed by an unknown key', { header: { alg: 'RS256', kid: 'b' }, key: stranger }],
  ])('a token %s', async (_name, change) => {
    Object.assign(behaviour, change);
    expect((await reasonOf(signIn())).kind).toBe('invalid');
  });

  test.each([
    ['another state', '?code=c&state=another'],
    ['no state', '?code=c'],
    ['another issuer', undefined],
  ])('a callback with %s', async (_name, search) => {
    const client = createOidcClient(settingsWith());
    const { attempt } = await client.begin(CALLBACK, '/console/');
    const back = search ?? `?code=c&state=${attempt.state}&iss=https%3A%2F%2Felsewhere.example`;
    expect((await reasonOf(client.finish(CALLBACK, back, attempt))).kind).toBe('invalid');
  });
});

test('clocks may differ by a minute; beyond that, the message names the difference', async () => {
  await signIn({ exp: seconds() - 30 });
  await signIn({ nbf: seconds() + 30 });
  expect((await reasonOf(signIn({ exp: seconds() - 120 }))).message).toContain('clocks');
});

test('the message of a provider that refuses, or does not know the code, is quoted', async () => {
  const client = createOidcClient(settingsWith());
  const { attempt } = await client.begin(CALLBACK, '/console/');
  const back = `?error=access_denied&error_description=Not+you&state=${attempt.state}`;
  const refused = await reasonOf(client.finish(CALLBACK, back, attempt));
  expect([refused.kind, refused.message]).toEqual([
    'refused',
    'The OpenID Connect provider refused the request: Not you.',
  ]);
  behaviour.tokenError = { error: 'invalid_grant', error_description: 'no such code' };
  expect((await reasonOf(signIn())).message).toContain('no such code');
});

test('an unavailable provider is reported; when it is back, the next sign-in works', async () => {
  behaviour.isDown = true;
  const client = createOidcClient(settingsWith());
  expect((await reasonOf(client.begin(CALLBACK, '/console/'))).kind).toBe('unreachable');
  behaviour.isDown = false;
  const { attempt } = await client.begin(CALLBACK, '/console/');
  behaviour.isDown = true;
  expect((await reasonOf(client.finish(CALLBACK, `?code=c&state=${attempt.state}`, attempt))).kind).toBe('unreachable');
  expect(await client.signOutUrl('token', 'http://127.0.0.1/console/')).toContain(`${issuer}/logout?`);
});

test('its metadata is read once an hour, and stays valid while it cannot be read', async () => {
  let nowMs = 0;
  const client = createOidcClient(settingsWith(), () => nowMs);
  await client.begin(CALLBACK, '/console/');
  behaviour.isDown = true;
  await client.begin(CALLBACK, '/console/');
  nowMs = 2 * 3_600_000;
  await client.begin(CALLBACK, '/console/');
});

describe('roles', () => {
  const roles = {
    'read-only': { domains: ['Example.com'] },
    operator: { groups: ['operators'], emails: ['Bob@elsewhere.example'] },
    owner: { groups: ['owners'] },
  };
  const of = (claims: object, more: object = {}) =>
    roleOf({ sub: 's', ...claims } as Claims, settingsWith({ roles, ...more }));

  test.each([
    ['a group', { groups: ['operators'] }, 'operator'],
    ['the highest of several groups', { groups: ['operators', 'owners'] }, 'owner'],
    ['a group that is a text', { groups: 'owners' }, 'owner'],
    ['a group in other letters', { groups: ['Owners'] }, null],
    ['an address', { email: 'bob@Elsewhere.example', email_verified: true }, 'operator'],
    ['an address that is not verified', { email: 'bob@elsewhere.example', email_verified: false }, null],
    ['an address of which nothing is said', { email: 'bob@elsewhere.example' }, null],
    ['a domain', { email: 'x@example.com', email_verified: 'true' }, 'read-only'],
    ['a domain that ends alike', { email: 'x@notexample.com', email_verified: true }, null],
    ['a domain below', { email: 'x@a.example.com', email_verified: true }, null],
    ['two at signs', { email: 'x@example.com@evil.example', email_verified: true }, null],
    ['nothing', {}, null],
    ['groups of another form', { groups: { owners: true } }, null],
  ])('%s', (_name, claims, role) => {
    expect(of(claims)).toBe(role);
  });

  test('the claim may be nested, or have dots in its name', () => {
    expect(of({ realm_access: { roles: ['owners'] } }, { roles_claim: 'realm_access.roles' })).toBe('owner');
    const name = 'https://example.com/roles';
    expect(of({ [name]: ['owners'] }, { roles_claim: name })).toBe('owner');
    expect(of({}, { roles_claim: '__proto__.constructor' })).toBeNull();
  });

  test('without a mapping, there are no roles', () => {
    expect(roleOf({ sub: 's', groups: ['owners'] }, settingsWith())).toBeNull();
  });

  test('the log identifies users by name and subject', () => {
    expect(nameOf({ sub: '42', email: 'ada@example.com' })).toBe('ada@example.com (42)');
    expect(nameOf({ sub: '42', name: 'Ada\n\u202eX' })).toBe('AdaX (42)');
    expect(nameOf({ sub: '42' })).toBe('42');
  });
});

test.each([
  [{ issuer: 'http://login.example.com' }, 'must be https'],
  [{ issuer: 'https://login.microsoftonline.com/common/v2.0' }, 'must name your tenant'],
  [{ client_secret_file: '/run/secrets/oidc' }, 'set only one of'],
])('a configuration with %o is refused', (change, message) => {
  expect(() => settingsWith(change)).toThrow(message);
});
