// The role of a person who has signed in, and their name in the audit log. Pure.
import { ADMIN_ROLES, type AdminRole } from '../../accounts/admin-key-store.ts';
import type { OidcSettings } from '../../config/sign-in-schema.ts';

/** Claims of the ID token and of the userinfo endpoint. */
export type Claims = Readonly<Record<string, unknown>> & { sub: string };

/** The highest role that matches; null if none does. */
export function roleOf(claims: Claims, { roles, roles_claim: path }: OidcSettings): AdminRole | null {
  const groups = groupsOf(claims, path);
  const email = verifiedEmail(claims);
  const domain = email?.slice(email.lastIndexOf('@') + 1);
  const matching = ADMIN_ROLES.filter((role) => {
    const match = roles[role];
    if (match === undefined) return false;
    const isOne = (names: readonly string[], value: string | undefined) =>
      value !== undefined && names.some((name) => name.toLowerCase() === value);
    return (
      match.groups.some((group) => groups.includes(group)) || isOne(match.emails, email) || isOne(match.domains, domain)
    );
  });
  return matching.at(-1) ?? null;
}

/** The claim with this name, else the one at this path: claim names may contain dots. */
export function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path];
  let found: unknown = claims;
  for (const name of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, name)) return undefined;
    found = (found as Record<string, unknown>)[name];
  }
  return found;
}

export function groupsOf(claims: Claims, path: string): string[] {
  return [claimAt(claims, path)].flat().filter((group) => typeof group === 'string');
}

/** In lower case. Unverified addresses are ignored: their owner may have entered any. */
function verifiedEmail({ email, email_verified: isVerified }: Claims): string | undefined {
  // Amazon Cognito sends it as a string.
  const isTrusted = isVerified === true || isVerified === 'true';
  return isTrusted && typeof email === 'string' && email.includes('@') ? email.toLowerCase() : undefined;
}

const MAX_NAME = 200;

/** For the audit log: a readable name, and the subject, the only reliable identifier. */
export function nameOf(claims: Claims): string {
  const names = [claims.email, claims.preferred_username, claims.name];
  const name = names.find((text) => typeof text === 'string' && text !== '') as string | undefined;
  const parts = name === undefined ? [claims.sub] : [name, `(${claims.sub})`];
  return parts.map((part) => part.replace(/[\p{C}]/gu, '').slice(0, MAX_NAME)).join(' ');
}
