// Writes what is generated from the code: the JSON Schema of the configuration, docs/configuration.md,
// docs/translation.md and docs/metrics.md, and the types of the administration API.
// `npm run generate`; a test holds the files against the code.
import { writeFileSync } from 'node:fs';
import { configurationPage } from '../src/cli/configuration-page.ts';
import { configurationJsonSchema } from '../src/config/json-schema.ts';
import { adminTypes } from './admin-types.ts';
import { metricsPage } from './metrics-page.ts';
import { translationPage } from './translation/page.ts';

const at = (path: string) => new URL(`../${path}`, import.meta.url);

writeFileSync(at('sluice.schema.json'), `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`);
writeFileSync(at('docs/configuration.md'), configurationPage());
writeFileSync(at('docs/translation.md'), translationPage());
writeFileSync(at('docs/metrics.md'), metricsPage());
writeFileSync(at('src/contracts/admin-api.ts'), adminTypes());
