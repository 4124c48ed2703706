// Passes Sluice's own metrics (metric-table.ts) to OpenTelemetry's exporter, under the same names as for Prometheus.
import { type Attributes, type HrTime, ValueType } from '@opentelemetry/api';
import type { Resource } from '@opentelemetry/resources';
import {
  AggregationTemporality,
  type DataPoint,
  DataPointType,
  type Histogram,
  type MetricData,
  type MetricProducer,
} from '@opentelemetry/sdk-metrics';
import type { Registry } from 'prom-client';

/** A sample of prom-client: a histogram's buckets, sum and count are separate values. */
interface Sample {
  labels: Record<string, string | number>;
  value: number;
  metricName?: string;
}

interface Exposed {
  name: string;
  help: string;
  /** Prometheus' name of the type. prom-client's typings wrongly declare a number. */
  type: unknown;
  values: Sample[];
}

export function prometheusProducer(registry: Registry, resource: Resource): MetricProducer {
  const startTime = hrTime(Date.now() - process.uptime() * 1_000);
  return {
    async collect() {
      const found = (await registry.getMetricsAsJSON()) as unknown as Exposed[];
      const times = { startTime, endTime: hrTime(Date.now()) };
      const metrics = found.flatMap((metric) => metricData(metric, times) ?? []);
      return { resourceMetrics: { resource, scopeMetrics: [{ scope: { name: 'sluice' }, metrics }] }, errors: [] };
    },
  };
}

function hrTime(ms: number): HrTime {
  return [Math.floor(ms / 1_000), Math.floor((ms % 1_000) * 1e6)];
}

type Times = Pick<DataPoint<number>, 'startTime' | 'endTime'>;

/** Null for a kind of metric that Sluice does not use. */
function metricData({ name, help, type, values }: Exposed, times: Times): MetricData | null {
  const descriptor = { name, description: help, unit: unitOf(name), valueType: ValueType.DOUBLE };
  const base = { descriptor, aggregationTemporality: AggregationTemporality.CUMULATIVE };
  const points = () => values.map(({ labels, value }) => ({ ...times, attributes: { ...labels }, value }));
  switch (type) {
    case 'counter':
      return { ...base, dataPointType: DataPointType.SUM, isMonotonic: true, dataPoints: points() };
    case 'gauge':
      return { ...base, dataPointType: DataPointType.GAUGE, dataPoints: points() };
    case 'histogram':
      return { ...base, dataPointType: DataPointType.HISTOGRAM, dataPoints: histogramPoints(values, times) };
    default:
      return null;
  }
}

function unitOf(name: string): string {
  if (/_seconds(_total)?$/.test(name)) return 's';
  return /_bytes(_total)?$/.test(name) ? 'By' : '';
}

interface Parts {
  attributes: Attributes;
  boundaries: number[];
  /** Cumulative counts, as in Prometheus: each bucket includes the lower ones. */
  cumulative: number[];
  sum: number;
  count: number;
}

function histogramPoints(values: readonly Sample[], times: Times): DataPoint<Histogram>[] {
  const series = new Map<string, Parts>();
  for (const { labels, value, metricName = '' } of values) {
    const { le, ...attributes } = labels;
    const key = JSON.stringify(attributes);
    const parts = series.get(key) ?? { attributes, boundaries: [], cumulative: [], sum: 0, count: 0 };
    series.set(key, parts);
    if (metricName.endsWith('_sum')) parts.sum = value;
    else if (metricName.endsWith('_count')) parts.count = value;
    else if (le !== '+Inf') {
      parts.boundaries.push(Number(le));
      parts.cumulative.push(value);
    }
  }
  return [...series.values()].map((parts) => ({ ...times, attributes: parts.attributes, value: histogramOf(parts) }));
}

function histogramOf({ boundaries, cumulative, sum, count }: Parts): Histogram {
  const counts = [...cumulative, count].map((value, index, all) => value - (all[index - 1] ?? 0));
  return { buckets: { boundaries, counts }, sum, count };
}
