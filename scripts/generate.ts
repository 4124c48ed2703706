// `npm run generate`: writes the files that are generated from the code: the JSON Schema of the configuration,
// docs/configuration.md, docs/translation.md and docs/metrics.md, and the types of the administration API. Tests check that they
// are up to date.
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { configurationPage } from '../src/cli/configuration-page.ts';
import { configurationJsonSchema } from '../src/config/json-schema.ts';
import { adminTypes } from './admin-types.ts';
import { metricsPage } from './metrics-page.ts';
import { translationPage } from './translation/page.ts';

const FILES = {
  'sluice.schema.json': `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`,
  'docs/configuration.md': configurationPage(),
  'docs/translation.md': translationPage(),
  'docs/metrics.md': metricsPage(),
  'src/contracts/admin-api.ts': adminTypes(),
};
const root = fileURLToPath(new URL('..', import.meta.url));
for (const [path, text] of Object.entries(FILES)) writeFileSync(`${root}${path}`, text);
const formatted = Object.keys(FILES).filter((path) => !path.endsWith('.md'));
const biome = `${root}node_modules/@biomejs/biome/bin/biome`;
process.exitCode =
  spawnSync(process.execPath, [biome, 'format', '--write', ...formatted], { cwd: root, stdio: 'inherit' }).status ?? 1;
