// Generates src/contracts/admin-api.ts: written by scripts/generate.ts, checked by test/unit/api/openapi.test.ts.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { adminDocument } from '../src/api/describe/openapi/operations.ts';

const GENERATOR = fileURLToPath(new URL('./admin-types/generate.mjs', import.meta.url));

export function adminTypes(): string {
  return execFileSync(process.execPath, [GENERATOR], { input: JSON.stringify(adminDocument()), encoding: 'utf8' });
}
