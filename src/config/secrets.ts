// Every secret in the configuration and the environment. Exact matches are masked: all secrets in logs, and in a provider's
// answers those that it was sent.
import type { Environment } from './environment.ts';
import { ConfigurationError } from './load.ts';
import type { Configuration, ProviderSettings } from './schema.ts';

/** For logs: all of them. */
export function configuredSecrets(configuration: Configuration, environment: Environment): string[] {
  const { redis, database, files, dead_letters: letters, webhooks, sign_in: signIn } = configuration;
  const urls = [
    redis.url,
    ...(redis.cluster ?? []),
    ...(redis.sentinel?.urls ?? []),
    database.url,
    environment.redisUrl,
    environment.databaseUrl,
  ];
  return [
    ...Object.values(configuration.providers).flatMap(providerSecrets),
    ...Object.values(configuration.providers).map(({ usage_api: usage }) => usage?.admin_key),
    ...urls.flatMap(secretsOfUrl),
    environment.adminKey,
    environment.apiKey,
    ...(environment.secretsKey ?? '').split(','),
    files.s3?.secret_access_key,
    signIn.oidc?.client_secret,
    letters.key,
    ...letters.earlier_keys,
    ...webhooks.endpoints.map(({ secret }) => secret),
  ].filter((secret) => secret !== undefined && secret !== '') as string[];
}

/** Secrets that a provider is sent and could quote: its key, those in headers and query. */
export function providerSecrets(settings: ProviderSettings): string[] {
  return [
    settings.api_key,
    ...Object.values(settings.credentials).map(({ api_key }) => api_key),
    ...Object.entries(settings.headers).flatMap(([name, value]) => (isSecretName(name) ? credentialsIn(value) : [])),
    ...Object.entries(settings.query).flatMap(([name, value]) => (isSecretName(name) ? [value] : [])),
  ].filter((secret) => secret !== undefined && secret !== '') as string[];
}

/** Whether a member of this name usually holds a secret; versions and regions do not. */
function isSecretName(name: string): boolean {
  return /key|token|secret|auth|credential|password|cookie|signature|^sig$/i.test(name);
}

/** The value, and the part after its scheme: `Bearer abc` and `abc`. */
function credentialsIn(value: string): string[] {
  const [scheme, ...rest] = value.split(' ');
  return rest.length > 0 && /^[A-Za-z-]+$/.test(scheme!) ? [rest.join(' ')] : [value];
}

/** The password as written and percent-decoded, and those in parameters (`?password=…`). */
function secretsOfUrl(text: string | undefined): string[] {
  const url = text === undefined ? null : URL.parse(text);
  if (url === null) return [];
  const parameters = [...url.searchParams].filter(([name]) => isSecretName(name)).map(([, value]) => value);
  return [url.password, decoded(url.password), ...parameters];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/**
 * A URL for display, without any password. A text that cannot be parsed as a URL is not shown at all.
 */
export function withoutSecrets(text: string): string {
  if (/^sqlite:/.test(text)) return text;
  const url = URL.parse(text);
  // An "@" after the host is part of a password that was not percent-encoded.
  if (url === null || /@/.test(url.pathname + url.hash)) return '(not a valid URL)';
  if (url.password !== '') url.password = '***';
  for (const name of [...url.searchParams.keys()]) if (isSecretName(name)) url.searchParams.set(name, '***');
  return url.toString();
}

/** Shorter ones can be guessed over the network. */
export const SHORTEST_KEY = 16;

/** Throws a ConfigurationError for keys in the environment that are too short, or the same. */
export function requireStrongKeys({ apiKey, adminKey }: Environment): void {
  const faults: string[] = [];
  for (const [name, secret] of Object.entries({ SLUICE_API_KEY: apiKey, SLUICE_ADMIN_KEY: adminKey })) {
    if (secret !== undefined && secret.length < SHORTEST_KEY) {
      faults.push(`${name} is too short: use at least ${SHORTEST_KEY} characters (openssl rand -hex 24)`);
    }
  }
  if (apiKey !== undefined && apiKey === adminKey) faults.push('SLUICE_API_KEY and SLUICE_ADMIN_KEY must differ');
  if (faults.length === 0) return;
  throw new ConfigurationError(faults.map((message) => ({ file: 'environment', line: null, path: '', message })));
}

const HIDDEN = '•••';

/** The configuration for display: known secrets, and members whose names suggest a secret, are masked. */
export function maskedConfiguration(configuration: Configuration, environment: Environment): unknown {
  const secrets = new Set(configuredSecrets(configuration, environment));
  return masked(configuration, secrets, '');
}

function masked(value: unknown, secrets: ReadonlySet<string>, name: string): unknown {
  if (typeof value === 'string') return maskedText(value, secrets, name);
  if (Array.isArray(value)) return value.map((item) => masked(item, secrets, name));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, masked(inner, secrets, key)]));
}

function maskedText(text: string, secrets: ReadonlySet<string>, name: string): string {
  if (secrets.has(text)) return HIDDEN;
  if (/^[a-z]+:\/\//i.test(text)) return withoutSecrets(text);
  const isSecret = isSecretName(name) && name !== 'credential_header';
  return isSecret || [...secrets].some((secret) => text.includes(secret)) ? HIDDEN : text;
}
