// Writes the TypeScript types of the administration API to standard output, from its OpenAPI document on standard input. In a
// separate package, because openapi-typescript needs the compiler API of TypeScript 5.
import openapiTS, { astToString } from 'openapi-typescript';

const HEADER = '// Types of the administration API. Generated from its OpenAPI document: npm run generate.\n\n';

/** Reduces answers to what clients use: no headers, and one error for all failures. The rest would be most of the file. */
function condensed(document) {
  for (const operations of Object.values(document.paths)) {
    for (const operation of Object.values(operations)) operation.responses = condensedAnswers(operation.responses);
  }
  return document;
}

function condensedAnswers(answers) {
  const kept = {};
  for (const [status, { description, content }] of Object.entries(answers)) {
    const isFailure = description.startsWith('Refused or failed');
    kept[isFailure ? 'default' : status] = { description: isFailure ? 'Refused or failed.' : description, content };
  }
  return kept;
}

let text = '';
for await (const chunk of process.stdin) text += chunk;
process.stdout.write(HEADER + astToString(await openapiTS(condensed(JSON.parse(text)), { defaultNonNullable: false })));
