// Settings of signing in to the console: sessions, and an OpenID Connect provider. A part of schema.ts.
import { z } from 'zod';

const HOUR_MS = 3_600_000;
const milliseconds = z.number().int().positive();
const name = z.string().min(1).max(200);
const names = z.array(name).max(1_000).default([]);

const match = z.strictObject({
  groups: names.describe('Values of the claim that roles_claim names.'),
  emails: names.describe('Email addresses; only those that the issuer has verified count.'),
  domains: names.describe('Everyone with a verified address in this domain, such as example.com.'),
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
      'must name your tenant, as https://login.microsoftonline.com/TENANT-ID/v2.0: other tenants name their own roles',
  });

const oidc = z
  .strictObject({
    name: z.string().min(1).max(40).default('single sign-on').describe('Name on the sign-in button: Sign in with …'),
    issuer: issuer.describe(
      'The issuer exactly as the provider writes it; its discovery document is below this address.',
    ),
    client_id: name,
    client_secret: z.string().min(1).optional().describe('Absent: a public client, which only PKCE protects.'),
    client_secret_file: z.string().min(1).optional().describe('A file with the secret, read at every sign-in.'),
    client_authentication: z
      .enum(['client_secret_basic', 'client_secret_post'])
      .optional()
      .describe('How the secret is sent. Default: in the body where the provider takes it there, else in a header.'),
    scopes: z.array(name).max(50).default(['openid', 'email', 'profile']),
    roles_claim: name
      .default('groups')
      .describe('The claim that groups are in: a name, or a path as realm_access.roles. A text or a list of texts.'),
    roles: z
      .strictObject({ 'read-only': match.optional(), operator: match.optional(), owner: match.optional() })
      .default({})
      .describe('Who may do what: the highest role that matches. Anyone without one is refused.'),
    public_url: z
      .url({ protocol: /^https?$/ })
      .optional()
      .describe('How browsers reach the console, without a path. Default: as the browser says in its Host header.'),
  })
  .refine((value) => value.client_secret === undefined || value.client_secret_file === undefined, {
    message: 'give one of client_secret and client_secret_file',
    path: ['client_secret_file'],
  });

export const signIn = z
  .strictObject({
    session_ms: milliseconds
      .max(7 * 24 * HOUR_MS)
      .default(12 * HOUR_MS)
      .describe('A session of the console ends after this.'),
    idle_ms: milliseconds
      .max(7 * 24 * HOUR_MS)
      .default(HOUR_MS)
      .describe('It ends earlier if it has not been used for this long.'),
    oidc: oidc
      .optional()
      .describe('People sign in to the console through an OpenID Connect provider; the admin key still works.'),
  })
  .describe('Who signs in to the console.');

export type SignInSettings = z.output<typeof signIn>;
export type OidcSettings = NonNullable<SignInSettings['oidc']>;
