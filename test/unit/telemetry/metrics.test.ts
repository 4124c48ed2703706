// The table of metrics: names as `promtool check metrics` requires them, registered where the table says, and described in
// docs/metrics.md.
import { existsSync, globSync, readFileSync } from 'node:fs';
import { Registry } from 'prom-client';
import { describe, expect, test } from 'vitest';
import type { LedgerEntry } from '#src/contracts/ledger-entry.ts';
import { METRIC_PARTS, type MetricDefinition, type MetricPart } from '#src/telemetry/metric-definition.ts';
import { METRICS } from '#src/telemetry/metric-table.ts';
import {
  createApiMetrics,
  createBatchMetrics,
  createFleetMetrics,
  createOperationsMetrics,
  createRegistry,
  createWebhookMetrics,
  createWorkerMetrics,
  type FleetState,
} from '#src/telemetry/metrics.ts';
import { metricsPage } from '../../../scripts/metrics-page.ts';

const at = (path: string) => new URL(`../../../${path}`, import.meta.url);
const metrics = Object.values<MetricDefinition>(METRICS);

/** Units that are no base units, as promlint has them, and abbreviations of units. */
const WRONG_UNITS = ['milliseconds', 'ms', 'sec', 's', 'minutes', 'hours', 'days', 'kilobytes', 'kb', 'mb', 'percent'];
const RESERVED_ENDINGS = ['count', 'sum', 'bucket'];

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
    [name.endsWith('_info') && (type !== 'gauge' || unit !== '1'), 'is information only as a gauge that is 1'],
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

  test('has a unique name', () => {
    expect(new Set(metrics.map(({ name }) => name)).size).toBe(metrics.length);
  });
});

async function partsIn(registry: Registry): Promise<Record<string, string[]>> {
  const found = (await registry.getMetricsAsJSON())
    .map(({ name }) => name)
    .filter((name) => name.startsWith('sluice_'));
  const partOf = new Map(metrics.map(({ name, part }) => [name, part]));
  return Object.groupBy(found, (name) => partOf.get(name) ?? 'unknown') as Record<string, string[]>;
}

function onNew(create: (registry: Registry) => unknown): Registry {
  const registry = new Registry();
  create(registry);
  return registry;
}

const FLEET: FleetState = {
  jobs: [{ provider: 'openai', lane: 'batch', waiting: 1, active: 2, delayed: 3 }],
  waiting: [
    {
      provider: 'openai',
      deployment: 'openai/a',
      lane: 'batch',
      requests: 4,
      tokens: 500,
      oldestMs: 6_000,
      keys: 2,
      largestKey: 3,
    },
  ],
  scopes: [
    {
      scope: 'provider:openai',
      blockedMs: 7_000,
      limits: [{ kind: 'tokensPerMinute', limit: 800, source: 'learned', used: 90 }],
    },
  ],
  circuits: [{ provider: 'openai', deployment: 'openai/a', open: 1, halfOpen: 0 }],
  credentials: [{ provider: 'openai', credential: 'second', open: 0, halfOpen: 1 }],
  budgets: [{ account: 'key_1', period: 'month', limitUsd: 10, leftUsd: 1.5 }],
};

/** Those of a process as a whole come with every registry that a process has. */
const REGISTRIES: Record<MetricPart, { create: () => Registry; alsoHas?: MetricPart }> = {
  api: { create: () => createApiMetrics(createRegistry('api')).registry, alsoHas: 'process' },
  worker: { create: () => createWorkerMetrics(createRegistry('worker')).registry, alsoHas: 'process' },
  operations: { create: () => onNew(createOperationsMetrics) },
  batches: { create: () => onNew(createBatchMetrics) },
  webhooks: { create: () => onNew(createWebhookMetrics) },
  process: { create: () => createRegistry('batches') },
  fleet: { create: () => onNew((registry) => createFleetMetrics(registry, async () => FLEET)) },
};

test.each(Object.keys(METRIC_PARTS) as MetricPart[])('exactly those of %s are registered', async (part) => {
  const expected = metrics.filter((metric) => metric.part === part).map(({ name }) => name);
  const { create, alsoHas } = REGISTRIES[part];
  const { [part]: own, ...others } = await partsIn(create());
  expect(own).toEqual(expected);
  expect(Object.keys(others)).toEqual(alsoHas === undefined ? [] : [alsoHas]);
});

describe('the state of the installation', () => {
  test('is read once for all gauges of a scrape', async () => {
    let reads = 0;
    const registry = onNew((on) =>
      createFleetMetrics(on, async () => {
        reads += 1;
        return FLEET;
      }),
    );
    const text = await registry.metrics();
    expect(reads).toBe(1);
    for (const line of [
      'sluice_fleet_readable 1',
      'sluice_queue_jobs{provider="openai",lane="batch",state="delayed"} 3',
      'sluice_waiting_tokens{provider="openai",deployment="openai/a",lane="batch"} 500',
      'sluice_waiting_oldest_seconds{provider="openai",deployment="openai/a",lane="batch"} 6',
      'sluice_limit{scope="provider:openai",kind="tokensPerMinute",source="learned"} 800',
      'sluice_limit_used{scope="provider:openai",kind="tokensPerMinute"} 90',
      'sluice_limit_blocked_seconds{scope="provider:openai"} 7',
      'sluice_circuits{provider="openai",deployment="openai/a",state="open"} 1',
      'sluice_credential_circuits{provider="openai",credential="second",state="half_open"} 1',
      'sluice_budget_left_usd{account="key_1",period="month"} 1.5',
    ]) {
      expect(text.split('\n')).toContain(line);
    }
  });

  test('is absent, not stale, while it cannot be read', async () => {
    let isAway = false;
    const registry = onNew((on) =>
      createFleetMetrics(on, () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve(FLEET))),
    );
    await registry.metrics();
    isAway = true;
    const text = await registry.metrics();
    expect(text).toContain('sluice_fleet_readable 0');
    expect(text).not.toContain('sluice_waiting_tokens{');
  });
});

test('names chosen by clients are bounded', async () => {
  const { registry, attempt, permitWaits } = createWorkerMetrics(createRegistry('worker'));
  const entry = { provider: 'p', deployment: 'p/*', outcome: 'ok', durationMs: 1, firstByteMs: 1, queueMs: 1 };
  const counts = { inputTokens: 1, cachedInputTokens: 0, cacheWriteTokens: 0, outputTokens: 1, reasoningTokens: 0 };
  const called = (model: string, more = {}) =>
    attempt({ ...entry, ...counts, costPicoUsd: '0', model, ...more } as LedgerEntry);
  for (let model = 0; model < 1_000; model += 1) called(`nobody-has-${model}`, { inputTokens: 0, outputTokens: 0 });
  for (let model = 0; model < 1_000; model += 1) called(`model-${model}`);
  for (let key = 0; key < 1_000; key += 1)
    permitWaits([{ provider: 'p', reason: `key:${key} requests`, durationMs: 9 }]);
  permitWaits([{ provider: 'p', reason: 'deployment:p/a model tokens', durationMs: 9 }]);
  const tokens = await registry.getSingleMetricAsString(METRICS.tokens.name);
  expect(tokens.match(/kind="input"/g)).toHaveLength(201);
  expect(tokens).toContain('model="other",kind="input"} 800');
  const waits = await registry.getSingleMetricAsString(METRICS.permitWait.name);
  expect(waits).toContain('_count{provider="p",scope="key",limit="requests"} 1000');
  expect(waits).toContain('_count{provider="p",scope="deployment:p/a model",limit="tokens"} 1');
});

test('those of Node have names that promtool accepts', async () => {
  const found = await createRegistry('batches').getMetricsAsJSON();
  const isCounter = (type: unknown) => type === 'counter';
  expect(found.length).toBeGreaterThan(20);
  expect(found.filter(({ name, type }) => name.endsWith('_total') !== isCounter(type)).map(({ name }) => name)).toEqual(
    [],
  );
});

test('a process shows its version, its event loop and its connections to SQL', async () => {
  const registry = createRegistry('batches', () => ({ busy: 3, idle: 1, waiting: 2, max: 10 }));
  const text = await registry.metrics();
  expect(text).toMatch(/sluice_build_info\{version="\d+\.\d+\.\d+[^"]*",role="batches"\} 1/);
  expect(text).toMatch(/sluice_event_loop_utilization_ratio [01]/);
  expect(text).toContain('sluice_database_connections{state="busy"} 3');
  expect(text).toContain('sluice_database_waiting 2');
});

test('replies are counted at each scrape', async () => {
  const { registry, countReplies } = createApiMetrics(createRegistry('api'));
  countReplies(() => 3);
  expect(await registry.getSingleMetricAsString(METRICS.openReplies.name)).toContain('sluice_open_replies 3');
});

test('every metric is set somewhere', () => {
  const registry = new Registry();
  const setters = [
    createApiMetrics(createRegistry('api')),
    createWorkerMetrics(createRegistry('worker')),
    createOperationsMetrics(registry),
  ];
  const names = [...setters, createBatchMetrics(registry), createWebhookMetrics(registry)].flatMap(Object.keys);
  const code = globSync(['src/**/*.ts', 'workers/**/*.ts'], { cwd: at('') })
    .filter((file) => !file.startsWith('src/telemetry/'))
    .map((file) => readFileSync(at(file), 'utf8'))
    .join('\n');
  expect(names.filter((name) => !new RegExp(`(?:metrics|operations)\\??\\.${name}\\b`).test(code))).toEqual([]);
});

test('no metric is registered elsewhere', () => {
  const files = globSync(['src/**/*.ts', 'workers/**/*.ts'], { cwd: at('') });
  const registering = files.filter((file) =>
    /new (?:Counter|Gauge|Histogram|Summary)\(/.test(readFileSync(at(file), 'utf8')),
  );
  expect(registering).toEqual(['src/telemetry/metrics.ts']);
});

test('docs/metrics.md equals the table, and other pages name only its metrics', () => {
  expect(readFileSync(at('docs/metrics.md'), 'utf8')).toBe(metricsPage());
  const known = new Set(metrics.map(({ name }) => name));
  const told = globSync(['docs/*.md', 'README.md'], { cwd: at('') }).flatMap((file) =>
    [...readFileSync(at(file), 'utf8').matchAll(/`(sluice_[a-z_]+)[`{]/g)].map(([, name]) => name!),
  );
  const extensions = new Set(['sluice_at_risk', 'sluice_eta', 'sluice_cost', 'sluice_chunk', 'sluice_json_answer']);
  expect(told.filter((name) => !known.has(name) && !extensions.has(name))).toEqual([]);
});
