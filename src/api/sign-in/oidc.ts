// OpenID Connect client: authorisation code flow with PKCE, state and nonce. The library is loaded at the first sign-in.
import { readFile } from 'node:fs/promises';
import type { FastifyRequest } from 'fastify';
import type { ClientAuth, Configuration } from 'openid-client';
import type { OidcSettings } from '../../config/sign-in-schema.ts';
import { type Claims, claimAt } from './role-of.ts';

/** State of a sign-in, which the browser keeps until it returns. */
export interface SignInAttempt {
  state: string;
  nonce: string;
  verifier: string;
  /** The console page to return to. */
  to: string;
}

export interface OidcClient {
  settings: OidcSettings;
  /** URL of the identity provider to send the browser to. @param redirectUri where the provider sends it back. */
  begin(redirectUri: string, to: string): Promise<{ url: string; attempt: SignInAttempt }>;
  /** @param search query string of the redirect back from the provider. */
  finish(redirectUri: string, search: string, attempt: SignInAttempt): Promise<{ claims: Claims; idToken: string }>;
  /** The provider's sign-out URL; null if it has none, or cannot be reached. */
  signOutUrl(idToken: string, returnTo: string): Promise<string | null>;
}

/** A sign-in was refused; `message` is shown to the person. */
export class SignInError extends Error {
  readonly kind: 'refused' | 'unreachable' | 'invalid';

  constructor(kind: SignInError['kind'], message: string, cause?: unknown) {
    super(message, { cause });
    this.kind = kind;
  }
}

/** The public URL of the listener, as browsers reach it. */
export function baseOf({ protocol, host }: FastifyRequest, { settings }: OidcClient): string {
  return (settings.public_url ?? `${protocol}://${host}`).replace(/\/+$/, '');
}

const TIMEOUT_S = 10;
/** Tolerated clock skew. */
const CLOCK_TOLERANCE_S = 60;
const FRESH_MS = 3_600_000;

export function createOidcClient(settings: OidcSettings, now: () => number = Date.now): OidcClient {
  let known: { configuration: Configuration; atMs: number } | null = null;
  let asking: Promise<Configuration> | null = null;

  /** openid-client calls this synchronously for each request, so the secret must have been read before. */
  let authenticateBy: ClientAuth | null = null;
  const authenticate: ClientAuth = (...call) => authenticateBy!(...call);

  async function discover(): Promise<Configuration> {
    const { allowInsecureRequests, clockTolerance, discovery, enableNonRepudiationChecks } = await import(
      'openid-client'
    );
    const { issuer, client_id: clientId } = settings;
    const execute = [enableNonRepudiationChecks, ...(issuer.startsWith('http:') ? [allowInsecureRequests] : [])];
    const metadata = { [clockTolerance]: CLOCK_TOLERANCE_S };
    const options = { execute, timeout: TIMEOUT_S };
    const configuration = await discovery(new URL(issuer), clientId, metadata, authenticate, options);
    known = { configuration, atMs: now() };
    return configuration;
  }

  /** The discovery document is cached for an hour; if it cannot be refreshed, the cached one is used. */
  async function configure(): Promise<Configuration> {
    if (known !== null && now() - known.atMs < FRESH_MS) return known.configuration;
    asking ??= discover().finally(() => {
      asking = null;
    });
    return asking.catch((error: unknown) => {
      if (known === null) throw explained(error);
      return known.configuration;
    });
  }

  return {
    settings,
    async begin(redirectUri, to) {
      const library = await import('openid-client');
      const configuration = await configure();
      const attempt = {
        state: library.randomState(),
        nonce: library.randomNonce(),
        verifier: library.randomPKCECodeVerifier(),
        to,
      };
      const url = library.buildAuthorizationUrl(configuration, {
        redirect_uri: redirectUri,
        scope: [...new Set(['openid', ...settings.scopes])].join(' '),
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await library.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
      });
      return { url: url.href, attempt };
    },
    async finish(redirectUri, search, { state, nonce, verifier }) {
      const { authorizationCodeGrant } = await import('openid-client');
      const configuration = await configure();
      authenticateBy = await authentication(settings);
      const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
      try {
        const tokens = await authorizationCodeGrant(configuration, new URL(redirectUri + search), checks);
        const claims = tokens.claims()!;
        const more = await userInfo(configuration, settings, tokens.access_token, claims);
        return { claims: { ...more, ...claims }, idToken: tokens.id_token! };
      } catch (error) {
        throw explained(error);
      }
    },
    async signOutUrl(idToken, returnTo) {
      try {
        const { buildEndSessionUrl } = await import('openid-client');
        const configuration = await configure();
        if (configuration.serverMetadata().end_session_endpoint === undefined) return null;
        const parameters = { id_token_hint: idToken, post_logout_redirect_uri: returnTo };
        return buildEndSessionUrl(configuration, parameters).href;
      } catch {
        return null;
      }
    },
  };
}

/** Claims that are not in the ID token: some providers return groups, or even the e-mail address, only here. */
async function userInfo(
  configuration: Configuration,
  { roles_claim: rolesClaim }: OidcSettings,
  accessToken: string,
  claims: Claims,
): Promise<object> {
  const isComplete = claimAt(claims, rolesClaim) !== undefined && claims.email !== undefined;
  if (isComplete || configuration.serverMetadata().userinfo_endpoint === undefined) return {};
  const { fetchUserInfo } = await import('openid-client');
  return fetchUserInfo(configuration, accessToken, claims.sub);
}

/** The secret is read at every sign-in, so that a rotated file needs no restart. */
async function authentication(settings: OidcSettings): Promise<ClientAuth> {
  const { ClientSecretBasic, ClientSecretPost, None } = await import('openid-client');
  const { client_secret: secret, client_secret_file: file, client_authentication: wanted } = settings;
  const given = file === undefined ? secret : (await readFile(file, 'utf8')).trim();
  if (given === undefined) return None();
  return (server, ...rest) => {
    const isInBody = server.token_endpoint_auth_methods_supported?.includes('client_secret_post') === true;
    const method = wanted ?? (isInBody ? 'client_secret_post' : 'client_secret_basic');
    const authenticate = method === 'client_secret_post' ? ClientSecretPost(given) : ClientSecretBasic(given);
    return authenticate(server, ...rest);
  };
}

/** By the error codes of openid-client 6.9.0. */
function explained(error: unknown): SignInError {
  const { code, message, cause } = error as Error & { code?: string };
  switch (code) {
    case 'OAUTH_AUTHORIZATION_RESPONSE_ERROR': {
      const { error: reason, error_description: text } = error as { error?: string; error_description?: string };
      return new SignInError(
        'refused',
        `The OpenID Connect provider refused the request: ${text ?? reason ?? message}.`,
        error,
      );
    }
    case 'OAUTH_RESPONSE_BODY_ERROR': {
      const { error: reason, error_description: text } = error as { error?: string; error_description?: string };
      return new SignInError('invalid', `The OpenID Connect provider refused the sign-in: ${text ?? reason}.`, error);
    }
    case 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED': {
      const text = 'The token is not valid at this time. The clocks of the two machines may differ.';
      return new SignInError('invalid', text, error);
    }
    case undefined:
    case 'OAUTH_TIMEOUT':
    case 'OAUTH_ABORT':
    case 'OAUTH_RESPONSE_IS_NOT_CONFORM':
    case 'OAUTH_RESPONSE_IS_NOT_JSON':
      return new SignInError(
        'unreachable',
        'The OpenID Connect provider cannot be reached or sent an invalid response.',
        error,
      );
    default: {
      const reason = cause instanceof Error ? `${message} (${cause.message})` : message;
      return new SignInError('invalid', `The response of the OpenID Connect provider is not valid: ${reason}.`, error);
    }
  }
}
