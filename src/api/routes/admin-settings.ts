// The settings in force, without their secrets, and whether the file says something else by now. Registered within /admin,
// behind its key.
import { isDeepStrictEqual } from 'node:util';
import type { FastifyInstance } from 'fastify';
import { checkReferences } from '../../config/check-references.ts';
import { ConfigurationError, DEFAULT_CONFIG_PATH, loadConfiguration } from '../../config/load.ts';
import { maskedConfiguration } from '../../config/secrets.ts';
import type { ApiContext } from '../context.ts';

export function registerAdminSettings(admin: FastifyInstance, context: ApiContext): void {
  admin.get('/settings', async () => {
    const { configuration, environment, instanceId } = context;
    return {
      instance: instanceId,
      node: process.version,
      started_at: new Date(Date.now() - process.uptime() * 1_000).toISOString(),
      file: environment.configPath ?? DEFAULT_CONFIG_PATH,
      configuration: maskedConfiguration(configuration, environment),
      ...compareWithFile(context),
    };
  });
}

/** The file is read anew: what is in force was read when the process started. */
function compareWithFile({ configuration, environment }: ApiContext) {
  try {
    const { configuration: inFile } = loadConfiguration(environment.configPath, environment.variables);
    const file = environment.configPath ?? DEFAULT_CONFIG_PATH;
    const faults = checkReferences(inFile).map((fault) => ({ file, line: null, ...fault }));
    return { is_file_in_force: isDeepStrictEqual(inFile, configuration), faults };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { is_file_in_force: false, faults: error.faults };
  }
}
