// The configuration for commands that look at an installation.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { DEFAULT_CONFIG_PATH } from '../config/load.ts';
import { loadRuntime, type Runtime } from '../config/runtime.ts';

/** In the data directory: the configuration that `sluice start` writes where no provider is configured. */
export function demoPath({ dataDirectory }: Pick<Environment, 'dataDirectory'>): string {
  return join(dataDirectory, DEFAULT_CONFIG_PATH);
}

/** What `sluice start` runs here. Throws a ConfigurationError. */
export function loadInspected(configPath: string | undefined, environment: Environment): Runtime {
  const configured = loadRuntime(configPath, environment);
  const written = demoPath(environment);
  const isDemo = configured.catalogue.providers.size === 0 && existsSync(written);
  return isDemo ? loadRuntime(written, environment) : configured;
}
