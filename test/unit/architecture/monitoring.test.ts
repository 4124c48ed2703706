// Dashboards and alert rules use existing metrics and labels, and every alert has its page. `npm run promtool` tests the
// rules themselves.
import { globSync, lstatSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { METRICS } from '#src/telemetry/metric-table.ts';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string) => readFileSync(ROOT + path, 'utf8');

interface Rule {
  alert: string;
  expr: string;
  labels: { severity: string };
  annotations: { summary: string; description: string; runbook: string };
}
interface Panel {
  type: string;
  title: string;
  targets?: { expr: string; legendFormat: string }[];
}

const { groups } = parse(read('deploy/prometheus/alerts.yaml')) as { groups: { rules: Rule[] }[] };
const rules = groups.flatMap((group) => group.rules);
const dashboards = globSync('deploy/grafana/dashboards/*.json', { cwd: ROOT }).sort();
const panelsOf = (path: string) => (JSON.parse(read(path)) as { panels: Panel[] }).panels;

/** Those of Node and of the process, and what Prometheus itself adds. */
const FOREIGN = /^(process_|nodejs_|up$)/;
const ADDED_LABELS = ['instance', 'job', 'le'];
const labelsOf = new Map<string, readonly string[]>(Object.values(METRICS).map(({ name, labels }) => [name, labels]));

/** Errors in an expression: unknown metrics and labels. */
function faultsOf(expr: string): string[] {
  const used = [...expr.matchAll(/\b((?:sluice|process|nodejs)_\w+)(?:\{([^}]*)\})?/g)];
  const known = new Set<string>(ADDED_LABELS);
  const faults = used.flatMap(([, name, matchers]) => {
    if (FOREIGN.test(name!)) return [];
    const labels = labelsOf.get(name!) ?? labelsOf.get(name!.replace(/_(bucket|sum|count)$/, ''));
    if (labels === undefined) return [`no metric ${name}`];
    for (const label of labels) known.add(label);
    const asked = [...(matchers ?? '').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!);
    return asked.filter((label) => ![...labels, ...ADDED_LABELS].includes(label)).map((label) => `${name}{${label}}`);
  });
  const grouped = [...expr.matchAll(/\b(?:by|on|group_left|without)\s*\(([^)]*)\)/g)].flatMap(([, list]) =>
    list!.split(/[\s,]+/),
  );
  return [...faults, ...grouped.filter((label) => label !== '' && !known.has(label)).map((label) => `by (${label})`)];
}

test('a missing metric or label is found', () => {
  expect(faultsOf('sum by (provider) (rate(sluice_attempts_total{outcome="ok"}[5m]))')).toEqual([]);
  expect(faultsOf('sluice_attempt_total')).toEqual(['no metric sluice_attempt_total']);
  expect(faultsOf('sluice_attempts_total{vendor="a"}')).toEqual(['sluice_attempts_total{vendor}']);
  expect(faultsOf('sum by (vendor) (sluice_attempts_total)')).toEqual(['by (vendor)']);
});

describe.each(rules)('$alert', ({ alert, expr, annotations }) => {
  test('uses existing metrics and labels', () => {
    expect(faultsOf(expr)).toEqual([]);
  });

  test('has a page with the same expression, linked from the list', () => {
    expect(annotations.runbook).toBe(`docs/alerts/${alert}.md`);
    expect(read(annotations.runbook)).toContain(`\`\`\`promql\n${expr}\n\`\`\``);
    expect(read('docs/alerts/README.md')).toContain(`[${alert}](${alert}.md)`);
  });

  test('is tested in a firing and in a quiet state', () => {
    const { tests } = parse(read('deploy/prometheus/alerts.test.yaml')) as {
      tests: { alert_rule_test: { alertname: string; exp_alerts: unknown[] }[] }[];
    };
    const own = tests.flatMap((one) => one.alert_rule_test).filter(({ alertname }) => alertname === alert);
    expect(own.map(({ exp_alerts }) => exp_alerts.length).sort()).toEqual([0, 1]);
  });
});

test('there is no page of a removed alert', () => {
  const pages = globSync('docs/alerts/*.md', { cwd: ROOT }).filter((path) => !path.endsWith('README.md'));
  expect(pages.sort()).toEqual(rules.map(({ alert }) => `docs/alerts/${alert}.md`).sort());
});

describe.each(dashboards)('%s', (path) => {
  test.each(panelsOf(path).filter(({ type }) => type !== 'row'))('$title', ({ targets }) => {
    expect(targets!.length).toBeGreaterThan(0);
    for (const { expr, legendFormat } of targets!) {
      expect(faultsOf(expr), expr).toEqual([]);
      expect(legendFormat).not.toBe('');
    }
  });

  test('has a unique id, and selects its Prometheus by a variable', () => {
    const { uid } = JSON.parse(read(path)) as { uid: string };
    expect(dashboards.filter((other) => read(other).includes(`"uid": "${uid}"`))).toEqual([path]);
    expect(read(path)).toContain('"uid": "${datasource}"');
  });
});

test('every metric of the table is in a dashboard', () => {
  const all = dashboards.map(read).join('\n');
  // The same figures: by deployment, and of the installation as a whole.
  const elsewhere = ['sluice_learned_limit', 'sluice_credential_circuits', 'sluice_build_info'];
  const missing = [...labelsOf.keys()].filter((name) => !all.includes(name) && !elsewhere.includes(name));
  expect(missing).toEqual([]);
});

test('Compose and the chart have the same files', () => {
  const chart = globSync('deploy/helm/sluice/files/*', { cwd: ROOT });
  expect(chart).toHaveLength(dashboards.length + 1);
  for (const path of chart) expect(lstatSync(ROOT + path).isSymbolicLink(), path).toBe(true);
  const compose = read('docker-compose.yml');
  expect(compose).toContain('./deploy/grafana/dashboards:/etc/grafana/dashboards:ro');
  expect(read('deploy/grafana/provisioning/dashboards/sluice.yaml')).toContain('path: /etc/grafana/dashboards');
  expect(compose).toContain('./deploy/prometheus:/etc/prometheus:ro');
  expect(read('deploy/prometheus/prometheus.yaml')).toContain('/etc/prometheus/alerts.yaml');
});
