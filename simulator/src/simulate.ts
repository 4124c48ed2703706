// The simulator as a process: `sluice simulate`. Flags are the options of simulator/src/options.ts; docs/simulator.md
// describes them.
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { ZodError } from 'zod';
import { manageLifecycle, runMain } from '../../src/process/lifecycle.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { readScripts } from './engine/scripts/script.ts';
import type { SimulatorOptions } from './options.ts';
import { startSimulator } from './simulator.ts';

const SHUTDOWN_LIMIT_MS = 5_000;

interface Flags {
  port?: number;
  host?: string;
  name?: string;
  tokens?: number;
  pace?: number;
  first?: number;
  rpm?: number;
  tpm?: number;
  concurrency?: number;
  limitStyle?: 'window' | 'bucket';
  priceInput: number;
  priceCached?: number;
  priceOutput: number;
  apiKey?: string;
  adminKey?: string;
  model?: string[];
  contextWindow?: number;
  prefill?: 'ignore' | 'continue' | 'refuse';
  batchMs?: number;
  batchFault?: string;
  seed?: number;
  fault?: string[];
  script?: string[];
  keptRequests?: number;
}

const list = (value: string, before: string[] | undefined) => [...(before ?? []), value];

function readFlags(): Flags {
  return new Command('sluice simulate')
    .description(
      'Runs a simulated provider that produces errors, delays and limits on command. docs/simulator.md describes all faults and commands.',
    )
    .option('--port <n>', 'port (default: any free one)', Number)
    .option('--host <name>', 'address to listen on (default: 127.0.0.1; the control API needs no key)')
    .option('--name <name>', 'name of this simulator, for prompt commands with on=')
    .option('--tokens <n>', 'length of an answer in tokens (default: 60)', Number)
    .option('--pace <ms>', 'time between tokens (default: 0)', Number)
    .option('--first <ms>', 'time to the first token (default: 0)', Number)
    .option('--rpm <n>', 'requests per minute (default: no limit)', Number)
    .option('--tpm <n>', 'tokens per minute (default: no limit)', Number)
    .option('--concurrency <n>', 'concurrent calls (default: no limit)', Number)
    .option('--limit-style <style>', 'window: limit in any sixty seconds; bucket: refills continuously')
    .option('--price-input <usd>', 'per million tokens', Number, 2.5)
    .option('--price-cached <usd>', 'per million cached tokens', Number, 1.25)
    .option('--price-output <usd>', 'per million tokens', Number, 10)
    .option('--api-key <key>', 'key that clients must send (default: any or none)')
    .option('--admin-key <key>', 'key required for usage and costs (default: any or none)')
    .option('--model <name>', 'model that is served (repeatable; default: every name)', list)
    .option('--context-window <n>', 'context window in tokens (prompt and answer)', Number)
    .option('--prefill <what>', 'reaction to a final assistant message: ignore, continue or refuse')
    .option('--batch-ms <ms>', 'duration of a batch (default: 1000)', Number)
    .option('--batch-fault <fault>', 'fault of every batch: lost, refuse, fail, expire@N, stall@N, stuck@N')
    .option('--seed <n>', 'seed of answers and random faults', Number)
    .option('--fault <rule>', 'fault rule, such as "cut@40 chance=0.1" (repeatable)', list)
    .option('--script <file>', 'script of an agent session, YAML or JSON (repeatable)', list)
    .option('--kept-requests <n>', 'number of requests that GET /sim/requests shows', Number)
    .parse()
    .opts<Flags>();
}

/** Flags that were not given are left out: the simulator has its own defaults. */
function optionsOf(flags: Flags): SimulatorOptions {
  const { pace, first, priceInput, priceCached, priceOutput, model, fault, script, ...same } = flags;
  const scripts = script?.flatMap((file) => readScripts(readFileSync(file, 'utf8'), file));
  const cached = priceCached === undefined ? {} : { cachedInput: priceCached };
  const named = { paceMs: pace, firstTokenMs: first, models: model, faults: fault, scripts };
  const given = Object.entries(named).filter(([, value]) => value !== undefined);
  return { ...same, ...Object.fromEntries(given), price: { input: priceInput, output: priceOutput, ...cached } };
}

function describeFaults(error: ZodError): Error {
  const faults = error.issues.map((issue) => `${issue.path.join('.') || 'options'}: ${issue.message}`);
  return new Error(`the simulator cannot start:\n  ${faults.join('\n  ')}`);
}

runMain(async () => {
  const logger = createLogger({ level: 'info', role: 'simulator' });
  const simulator = await startSimulator(optionsOf(readFlags())).catch((error: unknown) => {
    throw error instanceof ZodError ? describeFaults(error) : error;
  });
  const lifecycle = manageLifecycle(logger, SHUTDOWN_LIMIT_MS, () => simulator.close());
  logger.info({ url: simulator.url }, 'simulator is running; control API under /sim');
  lifecycle.ready({ url: simulator.url });
});
