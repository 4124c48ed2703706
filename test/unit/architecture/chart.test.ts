// What can be checked of the Helm chart without helm: its values match their schema, templates read only existing values, the
// commands that it starts exist, and Sluice accepts its configurations. `npm run helm` renders it.
import { globSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Ajv } from 'ajv';
import { describe, expect, test } from 'vitest';
import { parse, stringify } from 'yaml';
import { checkReferences } from '#src/config/check-references.ts';
import { parseConfiguration } from '#src/config/load.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const CHART = 'deploy/helm/sluice';
const read = (path: string) => readFileSync(ROOT + path, 'utf8');
type Values = Record<string, unknown>;

const defaults = parse(read(`${CHART}/values.yaml`)) as Values;
const ajv = new Ajv({ allErrors: true });
const fits = ajv.compile(JSON.parse(read(`${CHART}/values.schema.json`)));
const templates = globSync(`${CHART}/templates/*`, { cwd: ROOT }).map((path) => ({ path, text: read(path) }));
const cases = globSync('deploy/helm/ci/*.yaml', { cwd: ROOT }).sort();

/** As helm does it: maps are merged, everything else is replaced. */
function merge(base: Values, change: Values): Values {
  const isMap = (value: unknown): value is Values =>
    typeof value === 'object' && value !== null && !Array.isArray(value);
  const merged = { ...base };
  for (const [name, value] of Object.entries(change)) {
    merged[name] = isMap(value) && isMap(base[name]) ? merge(base[name], value) : value;
  }
  return merged;
}

test('the chart has the version of the package', () => {
  const { version } = JSON.parse(read('package.json')) as { version: string };
  expect(parse(read(`${CHART}/Chart.yaml`))).toMatchObject({ version, appVersion: version });
});

test('errors in a values file are refused', () => {
  expect(fits(defaults), JSON.stringify(fits.errors)).toBe(true);
  expect(fits(merge(defaults, { api: { replica: 3 } }))).toBe(false);
  expect(fits(merge(defaults, { redis: { mode: 'embedded' } }))).toBe(false);
  expect(fits(merge(defaults, { image: { digest: 'latest' } }))).toBe(false);
  expect(fits(merge(defaults, { workerGroups: [] }))).toBe(false);
});

test.each(templates)('$path reads existing values', ({ text }) => {
  const paths = [...text.matchAll(/\.Values((?:\.\w+)+)/g)].map(([, path]) => path!.slice(1).split('.'));
  for (const path of paths) {
    // Inside of the configuration every member is optional.
    if (path[0] === 'config') continue;
    const value = path.reduce<unknown>((at, name) => (at as Values | undefined)?.[name], defaults);
    expect(value, path.join('.')).toBeDefined();
  }
});

test('every process uses an existing command, and its health is checked at the right port', () => {
  const all = templates.map(({ text }) => text).join('\n');
  const commands = read('src/cli/program.ts');
  for (const name of ['api', 'worker', 'batches', 'migrate']) expect(commands).toContain(`.command('${name}')`);
  expect(read('src/cli/webhooks.ts')).toContain(".command('run')");
  for (const argument of ['--no-batches', '--no-webhooks', '--provider', '--health-host', '--health-port']) {
    expect(all).toContain(`"${argument}"`);
  }
  const api = templates.find(({ path }) => path.endsWith('api.yaml'))!.text;
  expect(api).toMatch(/"livenessProbe".*"\/healthz"/);
  expect(api).toMatch(/"readinessProbe".*"\/readyz"/);
});

test('the chart holds no secret: values are names of Secrets and of their keys', () => {
  expect(templates.some(({ text }) => /^kind: Secret$/m.test(text))).toBe(false);
});

test('pods have enough time to end', () => {
  const { server } = parseConfiguration('{}', 'sluice.yaml', {});
  const seconds = defaults.terminationGracePeriodSeconds as number;
  // An API process closes in 5 s after its grace time, a worker in 8.
  expect(seconds * 1_000).toBeGreaterThan(
    server.shutdown_grace_ms + 8_000 + (defaults.preStopSeconds as number) * 1_000,
  );
});

describe.each(cases)('%s', (path) => {
  const values = merge(defaults, parse(read(path)) as Values) as {
    config: Values;
    secrets: { common: { name: string }[]; providers: { name: string }[] };
    workerGroups: { providers: string[] }[];
  };

  test('matches the schema', () => {
    expect(fits(values), JSON.stringify(fits.errors)).toBe(true);
  });

  test('has a valid configuration, with the variables that the chart sets', () => {
    const { common, providers } = values.secrets;
    const key = Buffer.alloc(32).toString('base64');
    const variables = Object.fromEntries([...common, ...providers].map(({ name }) => [name, key]));
    const configuration = parseConfiguration(stringify(values.config), path, variables);
    expect(checkReferences(configuration)).toEqual([]);
    const served = values.workerGroups.flatMap((group) => group.providers);
    for (const name of served) expect(Object.keys(configuration.providers)).toContain(name);
  });
});
