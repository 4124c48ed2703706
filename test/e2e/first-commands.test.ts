// What a newcomer tries in an empty folder, and mistakes that everyone makes once.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { startSluice } from '#test/support/sluice-command.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-first-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const ELSEWHERE = { SLUICE_ADMIN_KEY: 'admin-0123456789abcdef', SLUICE_BASE_URL: 'http://127.0.0.1:9' };

async function sluice(...args: string[]) {
  const { code, stdout, stderr } = await startSluice(args, folder, ELSEWHERE).ended;
  return { code, said: `${stdout}${stderr}`.trim() };
}

test('without a configuration, check says that there is none', async () => {
  const { code, said } = await sluice('check');
  expect(said).toContain('There is no sluice.yaml here, and SLUICE_CONFIG is not set');
  expect(code).toBe(0);
});

test('without a configuration, commands look at the one that sluice start wrote', async () => {
  // Symptom: `sluice check` said "0 providers, 0 models", and `sluice prices list` nothing, beside a running `sluice start`.
  mkdirSync(join(folder, '.sluice'));
  const deployments = '[{ provider: here, model: tiny, price: { input: 1, output: 4 } }]';
  const text = `providers: { here: { base_url: "http://127.0.0.1:9/v1", protocols: [openai-chat] } }\nmodels: { tiny: { deployments: ${deployments} } }\n`;
  writeFileSync(join(folder, '.sluice/sluice.yaml'), text);
  expect((await sluice('check')).said).toBe('.sluice/sluice.yaml is valid (providers: 1, models: 1).');
  expect((await sluice('prices', 'list')).said).toMatch(/here\/tiny +1 .* 4 +configuration/);
});

test('a mistake is named with the usage and where the help is, which does not push it out of sight', async () => {
  const { code, said } = await sluice('costs', '--from', 'tomorrow');
  // Symptom: it selected nothing, and said that the ledger has no entries.
  expect(said.split('\n')).toEqual([
    "error: option '--from <day>' argument 'tomorrow' is invalid. must be a day, YYYY-MM-DD.",
    'Usage: sluice costs [options] [command]',
    'See sluice costs --help.',
  ]);
  expect(code).toBe(1);
  expect((await sluice('keys', 'create')).said).toContain('Usage: sluice keys create [options] <name>');
});

test('dead letters are not deleted without a filter', async () => {
  expect(await sluice('dead-letters', 'delete')).toEqual({ code: 1, said: 'sluice: pass ids or a filter' });
});
