// Settings of signing in to the console: sessions, and an OpenID Connect provider. A part of schema.ts.
import { z } from 'zod';
import { milliseconds } from './value-schema.ts';

const HOUR_MS = 3_600_000;
const name = z.string().min(1).max(200);
const names = z.array(name).max(1_000).default([]);

const match = z.strictObject({
  groups: names.describe('Values of the claim named by roles_claim.'),
  emails: names.describe('Email addresses; only addresses that the issuer has verified count.'),
  domains: names.describe('Domains such as example.com: everyone with a verified address there.'),
});

/** Multi-tenant endpoints of Entra ID. Refused, because the owner of any tenant could give roles to its users. */
const SHARED_TENANT = /^https:\/\/login\.microsoftonline\.(com|us)\/(common|organizations|consumers)(\/|$)/;

const issuer = z
  .url({ protocol: /^https?$/ })
  .refine((text) => /^https:/.test(text) || /^http:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(text), {
    message: 'must be https (http only on this machine)',
  })
  .refine((text) => !SHARED_TENANT.test(text), {
    message:
      'must name your tenant, such as https://login.microsoftonline.com/TENANT-ID/v2.0: other tenants could choose their own roles',
  });

const oidc = z
  .strictObject({
    name: z.string().min(1).max(40).default('single sign-on').describe('Name on the sign-in button (Sign in with …).'),
    issuer: issuer.describe(
      'The issuer URL, exactly as the provider writes it. Its discovery document is found under this URL.',
    ),
    client_id: name,
    client_secret: z.string().min(1).optional().describe('Absent: a public client, protected only by PKCE.'),
    client_secret_file: z.string().min(1).optional().describe('A file with the secret, read at every sign-in.'),
    client_authentication: z
      .enum(['client_secret_basic', 'client_secret_post'])
      .optional()
      .describe('How the secret is sent. Default: in the body if the provider supports it, else in a header.'),
    scopes: z.array(name).max(50).default(['openid', 'email', 'profile']),
    roles_claim: name
      .default('groups')
      .describe(
        'The claim with the groups: a name, or a path such as realm_access.roles. Its value is a string or a list of strings.',
      ),
    roles: z
      .strictObject({ 'read-only': match.optional(), operator: match.optional(), owner: match.optional() })
      .default({})
      .describe('Who gets which role. The highest matching role applies; without one, sign-in is refused.'),
    public_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('URL at which browsers reach the console, without a path. Default: taken from the Host header.'),
  })
  .refine((value) => value.client_secret === undefined || value.client_secret_file === undefined, {
    message: 'set only one of client_secret and client_secret_file',
    path: ['client_secret_file'],
  });

export const signIn = z
  .strictObject({
    session_ms: milliseconds
      .max(7 * 24 * HOUR_MS)
      .default(12 * HOUR_MS)
      .describe('Longest duration of a console session.'),
    idle_ms: milliseconds
      .max(7 * 24 * HOUR_MS)
      .default(HOUR_MS)
      .describe('A session ends earlier if it has not been used for this long.'),
    oidc: oidc
      .optional()
      .describe('Sign-in to the console through an OpenID Connect provider. The admin key keeps working.'),
  })
  .describe('Sign-in to the console.');

export type SignInSettings = z.output<typeof signIn>;
export type OidcSettings = NonNullable<SignInSettings['oidc']>;
