// A worker process: the pools of some or all providers, on all lanes. Several of them, on several machines, share the
// load; each can be killed at any moment. It also hosts the ledger writer and the batches, unless disabled, and the janitor.
import { loadRuntime } from '#src/config/runtime.ts';
import { manageLifecycle, runMain } from '#src/process/lifecycle.ts';
import { openProcess } from '#src/process/process-parts.ts';
import { readWorkerOptions, startWorker } from './support/start-worker.ts';

const SHUTDOWN_MARGIN_MS = 8_000;

runMain(async () => {
  const runtime = loadRuntime();
  const options = readWorkerOptions(runtime);
  const parts = await openProcess(runtime, 'worker');
  const worker = await startWorker(runtime, parts, options);
  const graceMs = runtime.configuration.server.shutdown_grace_ms;
  const lifecycle = manageLifecycle(parts.logger, graceMs + SHUTDOWN_MARGIN_MS, async () => {
    await worker.stop(graceMs);
    await parts.close();
  });
  lifecycle.ready({ workerId: parts.instanceId, healthUrl: worker.healthUrl });
});
