// `sluice import litellm|portkey|openrouter FILE`: converts another gateway's configuration file into ours.
import { readFileSync } from 'node:fs';
import { Argument, type Command } from 'commander';
import { parse, stringify } from 'yaml';
import type { Imported } from '../config/import/imported.ts';
import { importLiteLlm } from '../config/import/litellm.ts';
import { importOpenRouter } from '../config/import/openrouter.ts';
import { importPortkey } from '../config/import/portkey.ts';
import { complain, print } from './terminal.ts';

const IMPORTERS: Readonly<Record<string, (file: unknown) => Imported>> = {
  litellm: (file) => importLiteLlm(file),
  portkey: importPortkey,
  openrouter: importOpenRouter,
};

export function importCommand(command: Command): void {
  command
    .description(
      'convert the configuration of another gateway to a sluice.yaml; settings that cannot be imported are listed',
    )
    .addArgument(new Argument('<gateway>', 'the other gateway').choices(Object.keys(IMPORTERS)))
    .argument('<file>', 'YAML or JSON; - for standard input')
    .option('--json', 'print the configuration and the settings that were not imported as JSON', false)
    .action((gateway: string, file: string, { json }: { json: boolean }) => {
      const { configuration, notes } = IMPORTERS[gateway]!(parse(readFileSync(file === '-' ? 0 : file, 'utf8')));
      if (json) return print(JSON.stringify({ configuration, notes }));
      print(
        `# Imported from ${gateway}. Check it with \`sluice check\`; docs/configuration.md describes every setting.`,
      );
      process.stdout.write(stringify(configuration, { aliasDuplicateObjects: false }));
      for (const note of notes) complain(note);
    });
}
