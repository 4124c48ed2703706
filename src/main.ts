// The API process.
import { startApi } from './api/start-api.ts';
import { loadRuntime } from './config/runtime.ts';
import { followConfiguration } from './process/follow-configuration.ts';
import { manageLifecycle, runMain } from './process/lifecycle.ts';
import { openProcess } from './process/process-parts.ts';

/** After the grace time for running answers. */
const SHUTDOWN_MARGIN_MS = 5_000;

runMain(async () => {
  const runtime = loadRuntime();
  const parts = await openProcess(runtime, 'api');
  const { instanceId, logger } = parts;
  const follower = followConfiguration({ runtime, logger });
  const api = await startApi({ runtime, parts, instanceId, logger });
  const limitMs = runtime.configuration.server.shutdown_grace_ms + SHUTDOWN_MARGIN_MS;
  const lifecycle = manageLifecycle(logger, limitMs, async () => {
    follower.stop();
    await api.stop();
    await parts.close();
  });
  lifecycle.ready({ url: api.url, adminUrl: api.adminUrl });
});
