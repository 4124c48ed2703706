// Generates docs/metrics.md from the table of metrics.
import { METRIC_PARTS, type MetricDefinition, type MetricPart } from '../src/telemetry/metric-definition.ts';
import { METRICS } from '../src/telemetry/metric-table.ts';

const HEAD = `# Metrics

Generated from \`src/telemetry/metric-table.ts\` by \`npm run generate\`; a test compares them.

Prometheus reads them from \`/metrics\` of the API and of the health server of workers, batches and webhooks processes.
Node's own metrics (\`process_…\`, \`nodejs_…\`) are there too. Label values come from the configuration, never from clients, so
their number is bounded. What to alert on: [operations.md](operations.md).
`;

export function metricsPage(): string {
  const parts = (Object.keys(METRIC_PARTS) as MetricPart[]).map(sectionOf);
  return `${HEAD}\n${parts.join('\n')}`;
}

function sectionOf(part: MetricPart): string {
  const metrics = Object.values<MetricDefinition>(METRICS).filter((metric) => metric.part === part);
  const rows = metrics.map(({ name, type, labels, unit, help, measured }) => {
    const label = labels.length === 0 ? '' : labels.map((each) => `\`${each}\``).join(', ');
    return `| \`${name}\` | ${type} | ${label} | ${unit} | ${help} | ${measured} |`;
  });
  const title = `## Processes: ${METRIC_PARTS[part]}`;
  const head = '| metric | type | labels | unit | meaning | updated |\n|---|---|---|---|---|---|';
  return `${title}\n\n${head}\n${rows.join('\n')}\n`;
}
