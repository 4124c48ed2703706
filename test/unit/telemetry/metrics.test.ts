// The table of metrics: named as `promtool check metrics` wants it, registered where it says, and described in docs/metrics.md.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import { METRIC_PARTS, METRICS, type MetricDefinition, type MetricPart } from '#src/telemetry/metric-table.ts';
import {
  createApiMetrics,
  createBatchMetrics,
  createOperationsMetrics,
  createWebhookMetrics,
  createWorkerMetrics,
} from '#src/telemetry/metrics.ts';
import { metricsPage } from '../../../scripts/metrics-page.ts';

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const metrics = Object.values<MetricDefinition>(METRICS);

/** Units that are no base units, as promlint has them, and abbreviations of units. */
const WRONG_UNITS = ['milliseconds', 'ms', 'sec', 's', 'minutes', 'hours', 'days', 'kilobytes', 'kb', 'mb', 'percent'];
const RESERVED_ENDINGS = ['count', 'sum', 'bucket', 'info'];

/** What is wrong with a metric by the rules of promtool (prometheus/client_golang, testutil/promlint). */
function lint({ name, type, help, labels, unit }: MetricDefinition): string[] {
  const words = name.split('_');
  const faults: [boolean, string][] = [
    [!/^sluice(_[a-z][a-z0-9]*)+$/.test(name), 'is not in snake case below sluice_'],
    [help.trim() === '' || !help.endsWith('.'), 'has no help that is a sentence'],
    [(type === 'counter') !== name.endsWith('_total'), 'a counter ends in _total, and nothing else does'],
    [words.some((word) => ['counter', 'gauge', 'histogram', 'summary'].includes(word)), 'names its type'],
    [words.some((word) => WRONG_UNITS.includes(word)), 'is not in base units'],
    [RESERVED_ENDINGS.includes(words.at(-1)!), 'has an ending that Prometheus adds itself'],
    [(unit === 'seconds') !== /_seconds(_total)?$/.test(name), 'seconds are in its name'],
    [(unit === 'bytes') !== /_bytes(_total)?$/.test(name), 'bytes are in its name'],
    [type === 'histogram' && !/_(seconds|bytes)$/.test(name), 'a histogram ends in its unit'],
    [labels.some((label) => !/^[a-z]+(_[a-z]+)*$/.test(label) || label === 'le'), 'has labels in snake case'],
    [new Set(labels).size !== labels.length, 'has each label once'],
  ];
  return faults.flatMap(([isFault, fault]) => (isFault ? [fault] : []));
}

describe('each metric', () => {
  test.each(metrics.map((metric) => [metric.name, metric] as const))('%s', (_, metric) => {
    expect(lint(metric)).toEqual([]);
    const [, file] = /\(([^)]+\.ts)\)$/.exec(metric.measured) ?? [];
    expect(existsSync(at(file!)), metric.measured).toBe(true);
    const { buckets = [] } = metric;
    expect(buckets).toEqual([...buckets].sort((a, b) => a - b));
    expect(buckets.length > 0).toBe(metric.type === 'histogram');
  });

  test('the rules find what promtool would find', () => {
    const good = metrics[0]!;
    expect(lint({ ...good, name: 'sluice_requests' })).toHaveLength(1);
    expect(lint({ ...good, type: 'gauge' })).toHaveLength(1);
    expect(lint({ ...good, name: 'sluice_wait_ms_total', help: '' })).toHaveLength(2);
    expect(lint({ ...good, unit: 'seconds' })).toHaveLength(1);
    expect(lint({ ...good, labels: ['keyId', 'keyId'] })).toHaveLength(2);
  });

  test('has a name of its own', () => {
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  });
});

async function namesIn(registry: Registry): Promise<string[]> {
  const found = await registry.getMetricsAsJSON();
  return found.map(({ name }) => name).filter((name) => name.startsWith('sluice_'));
}

function onNew(create: (registry: Registry) => unknown): Registry {
  const registry = new Registry();
  create(registry);
  return registry;
}

const REGISTRIES: Record<MetricPart, () => Registry> = {
  api: () => createApiMetrics().registry,
  worker: () => createWorkerMetrics().registry,
  operations: () => onNew(createOperationsMetrics),
  batches: () => onNew(createBatchMetrics),
  webhooks: () => onNew(createWebhookMetrics),
};

test.each(Object.keys(METRIC_PARTS) as MetricPart[])('those of %s are registered, and no others', async (part) => {
  const expected = metrics.filter((metric) => metric.part === part).map(({ name }) => name);
  expect(await namesIn(REGISTRIES[part]())).toEqual(expected);
});

test('replies are counted at each scrape', async () => {
  const { registry, countReplies } = createApiMetrics();
  countReplies(() => 3);
  expect(await registry.getSingleMetricAsString(METRICS.openReplies.name)).toContain('sluice_open_replies 3');
});

test('whatever can be set is set somewhere', () => {
  const registry = new Registry();
  const setters = [createApiMetrics(), createWorkerMetrics(), createOperationsMetrics(registry)];
  const names = [...setters, createBatchMetrics(registry), createWebhookMetrics(registry)].flatMap(Object.keys);
  const code = globSync(['src/**/*.ts', 'workers/**/*.ts'], { cwd: at('') })
    .filter((file) => !file.startsWith('src/telemetry/'))
    .map((file) => readFileSync(at(file), 'utf8'))
    .join('\n');
  expect(names.filter((name) => !new RegExp(`(?:metrics|operations)\\??\\.${name}\\b`).test(code))).toEqual([]);
});

test('none is registered anywhere else', () => {
  const files = globSync(['src/**/*.ts', 'workers/**/*.ts'], { cwd: at('') });
  const registering = files.filter((file) =>
    /new (?:Counter|Gauge|Histogram|Summary)\(/.test(readFileSync(at(file), 'utf8')),
  );
  expect(registering).toEqual(['src/telemetry/metrics.ts']);
});

test('docs/metrics.md is the table, and other pages name no metric that is not in it', () => {
  expect(readFileSync(at('docs/metrics.md'), 'utf8')).toBe(metricsPage());
  const known = new Set(metrics.map(({ name }) => name));
  const told = globSync(['docs/*.md', 'README.md'], { cwd: at('') }).flatMap((file) =>
    [...readFileSync(at(file), 'utf8').matchAll(/`(sluice_[a-z_]+)[`{]/g)].map(([, name]) => name!),
  );
  const extensions = new Set(['sluice_at_risk', 'sluice_eta', 'sluice_cost', 'sluice_chunk', 'sluice_json_answer']);
  expect(told.filter((name) => !known.has(name) && !extensions.has(name))).toEqual([]);
});
