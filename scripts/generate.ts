// Writes what is generated from the code: the JSON Schema of the configuration, the tables of docs/configuration.md and
// those of docs/translation.md.
// `npm run generate`; a test holds the files against the code.
import { writeFileSync } from 'node:fs';
import { configurationPage } from '../src/cli/configuration-page.ts';
import { configurationJsonSchema } from '../src/config/json-schema.ts';
import { translationPage } from './translation/page.ts';

const at = (path: string) => new URL(`../${path}`, import.meta.url);

writeFileSync(at('sluice.schema.json'), `${JSON.stringify(configurationJsonSchema(), null, 2)}\n`);
writeFileSync(at('docs/configuration.md'), configurationPage());
writeFileSync(at('docs/translation.md'), translationPage());
