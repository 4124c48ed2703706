// What every process has exactly once, whatever runs in it: its name, log, metrics and traces.
import type { Registry } from 'prom-client';
import type { Runtime } from '../config/runtime.ts';
import { createInstanceId } from '../contracts/ids.ts';
import { readPoolState } from '../storage/postgres.ts';
import { createLogger, type Logger } from '../telemetry/logger.ts';
import { createOperationsMetrics, createRegistry, type OperationsMetrics, version } from '../telemetry/metrics.ts';
import { startTelemetry, type Tracing } from '../telemetry/tracing.ts';

export interface ProcessParts {
  instanceId: string;
  logger: Logger;
  registry: Registry;
  operations: OperationsMetrics;
  tracing: Tracing | null;
  /** Sends the remaining traces and metrics. */
  close(): Promise<void>;
}

/** @param role as in logs, metrics and traces. */
export async function openProcess(runtime: Runtime, role: 'api' | 'worker' | 'combined'): Promise<ProcessParts> {
  const { environment } = runtime;
  const instanceId = createInstanceId(role);
  const logger = openLogger(runtime, role, instanceId);
  const registry = createRegistry(role, readPoolState, () => runtime.fileState);
  const { variables } = environment;
  const telemetry = await startTelemetry({ variables, role, instance: instanceId, version, registry, logger });
  const operations = createOperationsMetrics(registry);
  return { instanceId, logger, registry, operations, tracing: telemetry.tracing, close: () => telemetry.shutdown() };
}

export function openLogger({ environment, secretMask }: Runtime, role: string, instance: string): Logger {
  return createLogger({ level: environment.logLevel, role, instance, mask: secretMask });
}
