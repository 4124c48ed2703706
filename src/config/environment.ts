// The only reader of environment variables. They are documented in docs/configuration.md.

export interface Environment {
  /** Path of the configuration file. */
  configPath: string | undefined;
  redisUrl: string | undefined;
  databaseUrl: string | undefined;
  adminKey: string | undefined;
  /** A client key to create at start, for scripts and tests. */
  apiKey: string | undefined;
  /** Encrypts secrets that are stored but must be read back: those of webhooks. */
  secretsKey: string | undefined;
  host: string | undefined;
  port: number | undefined;
  /** Set by `sluice start` for API processes on one port: the first of them, or another. */
  portSharing: 'first' | 'other' | undefined;
  logLevel: string;
  /** Where embedded Redis and SQLite keep their files. */
  dataDirectory: string;
  variables: Readonly<Record<string, string | undefined>>;
}

/** Throws a TypeError that names the variable if a value is invalid. */
export function readEnvironment(variables: Readonly<Record<string, string | undefined>> = process.env): Environment {
  return {
    configPath: text(variables.SLUICE_CONFIG),
    redisUrl: text(variables.SLUICE_REDIS_URL),
    databaseUrl: text(variables.SLUICE_DATABASE_URL),
    adminKey: text(variables.SLUICE_ADMIN_KEY),
    apiKey: text(variables.SLUICE_API_KEY),
    secretsKey: text(variables.SLUICE_SECRETS_KEY),
    host: text(variables.HOST),
    port: portOf(variables.PORT),
    portSharing:
      variables.SLUICE_PORT_SHARING === 'first'
        ? 'first'
        : variables.SLUICE_PORT_SHARING === 'other'
          ? 'other'
          : undefined,
    logLevel: text(variables.SLUICE_LOG_LEVEL) ?? 'info',
    dataDirectory: text(variables.SLUICE_DATA) ?? '.sluice',
    variables,
  };
}

function text(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

function portOf(value: string | undefined): number | undefined {
  const port = text(value);
  if (port === undefined) return undefined;
  if (!/^\d{1,5}$/.test(port) || Number(port) > 65_535) throw new TypeError(`PORT is not a port number: ${port}`);
  return Number(port);
}
