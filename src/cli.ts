// The command `sluice`: runs one of its subcommands.
import { readFileSync } from 'node:fs';
import { program } from './cli/program.ts';
import { complain } from './cli/terminal.ts';
import { ConfigurationError } from './config/load.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

program
  .version(version)
  .parseAsync()
  .catch((error: unknown) => {
    complain(error instanceof ConfigurationError ? error.message : `sluice: ${(error as Error).message}`);
    process.exit(1);
  });
