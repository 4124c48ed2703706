// A worker process: the pools of some or all providers, on all lanes. Several of them, on several machines, share the
// load; each can be killed at any moment. It also hosts the ledger writer, the batches and the janitor unless told not to.
import { parseArgs } from 'node:util';
import { ConfigurationError } from '#src/config/load.ts';
import { loadRuntime, type Runtime } from '#src/config/runtime.ts';
import { manageLifecycle, runMain } from '#src/process/lifecycle.ts';
import { openProcess } from '#src/process/process-parts.ts';
import { HEALTH_OPTIONS, readHealthAddress } from './support/health-server.ts';
import { startWorker, type WorkerOptions } from './support/start-worker.ts';

const SHUTDOWN_MARGIN_MS = 8_000;

runMain(async () => {
  const runtime = loadRuntime();
  const options = readOptions(runtime);
  const parts = await openProcess(runtime, 'worker');
  const worker = await startWorker(runtime, parts, options);
  const graceMs = runtime.configuration.server.shutdown_grace_ms;
  const lifecycle = manageLifecycle(parts.logger, graceMs + SHUTDOWN_MARGIN_MS, async () => {
    await worker.stop(graceMs);
    await parts.close();
  });
  lifecycle.ready({ workerId: parts.instanceId, healthUrl: worker.healthUrl });
});

function readOptions(runtime: Runtime): WorkerOptions {
  const { values } = parseArgs({
    options: {
      provider: { type: 'string', multiple: true },
      'no-ledger': { type: 'boolean', default: false },
      'no-batches': { type: 'boolean', default: false },
      'no-webhooks': { type: 'boolean', default: false },
      ...HEALTH_OPTIONS,
    },
  });
  const known = [...runtime.catalogue.providers.values()];
  const names = values.provider ?? known.map(({ name }) => name);
  const unknown = names.filter((name) => !runtime.catalogue.providers.has(name));
  if (unknown.length > 0 || names.length === 0) {
    const message =
      unknown.length > 0
        ? `no such provider: ${unknown.join(', ')}; configured: ${known.map(({ name }) => name).join(', ') || 'none'}`
        : 'no provider is configured: there is nothing to work on';
    throw new ConfigurationError([{ file: 'sluice worker', line: null, path: '--provider', message }]);
  }
  return {
    providers: names.map((name) => runtime.catalogue.providers.get(name)!),
    isEverything: values.provider === undefined,
    hasLedger: !values['no-ledger'],
    hasBatches: !values['no-batches'],
    // Without a ledger to write, a worker can do without SQL.
    hasWebhooks: !values['no-webhooks'] && !values['no-ledger'],
    health: readHealthAddress(values),
  };
}
