// `npm run otel`: sends traces and metrics through OpenTelemetry's own collector. Builds a released collector module with Go,
// puts it between Sluice and the test's receiver, and runs test/e2e/tracing.test.ts, which prints the trace of a request with a
// retry and a fallback. Needs Go 1.25 or newer and, once, its module proxy. Not part of `npm test`.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const VERSION = 'v0.165.0';
const ROOT = fileURLToPath(new URL('../', import.meta.url));
const folder = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), `sluice/otelcol-${VERSION}`);
const binary = join(folder, 'otelcol');

const MANIFEST = `dist: { name: otelcol, output_path: ${folder} }
receivers: [{ gomod: go.opentelemetry.io/collector/receiver/otlpreceiver ${VERSION} }]
exporters: [{ gomod: go.opentelemetry.io/collector/exporter/otlphttpexporter ${VERSION} }]
`;

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', ...options });
  if (error?.code === 'ENOENT') console.error(`${command} is not installed`);
  if (status !== 0) process.exit(status ?? 1);
}

if (!existsSync(binary)) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'builder.yaml'), MANIFEST);
  console.log(`building the collector ${VERSION} in ${folder}: some minutes, once`);
  run('go', ['run', `go.opentelemetry.io/collector/cmd/builder@${VERSION}`, '--config', join(folder, 'builder.yaml')], {
    cwd: folder,
    env: { ...process.env, GOFLAGS: '-mod=mod' },
  });
}
run(process.execPath, [join(ROOT, 'node_modules/vitest/vitest.mjs'), 'run', 'test/e2e/tracing.test.ts'], {
  cwd: ROOT,
  env: { ...process.env, SLUICE_OTELCOL: binary },
});
