// `sluice check`: reports every fault of a configuration, or what a valid one contains.
import { existsSync } from 'node:fs';
import type { Environment } from '../config/environment.ts';
import { ConfigurationError, formatFault } from '../config/load.ts';
import type { Runtime } from '../config/runtime.ts';
import { unpricedDeployments } from './doctor/machine-findings.ts';
import { loadInspected } from './inspected-runtime.ts';
import { complain, print } from './terminal.ts';

export interface CheckOptions {
  config: string | undefined;
  json: boolean;
}

/** Exit code: 0 when valid, 1 when not. */
export function check(options: CheckOptions, environment: Environment): number {
  try {
    report(loadInspected(options.config, environment), options.json);
    return 0;
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    if (options.json) print(JSON.stringify({ valid: false, faults: error.faults }));
    else for (const fault of error.faults) complain(formatFault(fault));
    return 1;
  }
}

function report({ catalogue, configuration, configPath, notes }: Runtime, asJson: boolean): void {
  const unpriced = unpricedDeployments(catalogue);
  if (asJson) {
    print(
      JSON.stringify({
        valid: true,
        file: existsSync(configPath) ? configPath : null,
        providers: [...catalogue.providers.keys()],
        models: Object.keys(configuration.models),
        unpriced,
        notes,
      }),
    );
    return;
  }
  const content = `providers: ${catalogue.providers.size}, models: ${Object.keys(configuration.models).length}`;
  print(
    existsSync(configPath)
      ? `${configPath} is valid (${content}).`
      : `There is no ${configPath} here, and SLUICE_CONFIG is not set (${content}). \`sluice start\` uses a simulator then.`,
  );
  for (const note of notes) print(`warning: ${note}`);
  for (const id of unpriced)
    print(`warning: no price is known for deployment ${id}; its calls are recorded with cost 0`);
}
