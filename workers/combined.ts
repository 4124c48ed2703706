// A process that is both API and worker, with the arguments of a worker: `sluice combined`, and what `sluice start` runs. Data
// between the two is written to Redis as usual, and also passed in memory (src/contracts/neighbours.ts). Like the others, it
// shares the load and may be killed.
import { startApi } from '#src/api/start-api.ts';
import { loadRuntime } from '#src/config/runtime.ts';
import type { Neighbours } from '#src/contracts/neighbours.ts';
import { manageLifecycle, runMain, watchBusy, wishFor } from '#src/process/lifecycle.ts';
import { openProcess } from '#src/process/process-parts.ts';
import { readWorkerOptions, startWorker } from './support/start-worker.ts';

/** After the grace period of the API's answers; the worker has none of them left by that time. */
const SHUTDOWN_MARGIN_MS = 10_000;
/** Requests that the worker still has are of other APIs, or of disconnected clients: they go back to their queues. */
const REST_GRACE_MS = 2_000;

runMain(async () => {
  const runtime = loadRuntime();
  const options = readWorkerOptions(runtime);
  const parts = await openProcess(runtime, 'combined');
  const { instanceId, logger } = parts;
  const neighbours: Neighbours = { instanceId, receive: null, deliver: null };
  const worker = await startWorker(runtime, parts, options, neighbours);
  const api = await startApi({ runtime, parts, instanceId, logger, neighbours });
  const busy = watchBusy(() => wishFor('combined'));
  const limitMs = runtime.configuration.server.shutdown_grace_ms + SHUTDOWN_MARGIN_MS;
  const lifecycle = manageLifecycle(logger, limitMs, async () => {
    busy.stop();
    await api.stop();
    await worker.stop(REST_GRACE_MS);
    await parts.close();
  });
  lifecycle.ready({ url: api.url, adminUrl: api.adminUrl, workerId: instanceId });
});
