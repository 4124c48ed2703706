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
    .description('A provider that misbehaves on command. docs/simulator.md has every fault and command.')
    .option('--port <n>', 'port (default: any free one)', Number)
    .option('--host <name>', 'address to listen on (default: 127.0.0.1; the control API asks for no key)')
    .option('--name <name>', 'who it is, for prompt commands with on=')
    .option('--tokens <n>', 'length of an answer (default: 60)', Number)
    .option('--pace <ms>', 'from one token to the next (default: 0)', Number)
    .option('--first <ms>', 'from the request to its first token (default: 0)', Number)
    .option('--rpm <n>', 'requests per minute (default: no limit)', Number)
    .option('--tpm <n>', 'tokens per minute (default: no limit)', Number)
    .option('--concurrency <n>', 'calls at once (default: no limit)', Number)
    .option('--limit-style <style>', 'window: no sixty seconds hold more; bucket: refills all the time')
    .option('--price-input <usd>', 'per million tokens', Number, 2.5)
    .option('--price-cached <usd>', 'per million cached tokens', Number, 1.25)
    .option('--price-output <usd>', 'per million tokens', Number, 10)
    .option('--api-key <key>', 'the only key that is taken (default: any, or none)')
    .option('--admin-key <key>', 'the only key that is taken for usage and costs (default: any, or none)')
    .option('--model <name>', 'a model that is served (repeatable; default: every name)', list)
    .option('--context-window <n>', 'tokens of prompt and answer together', Number)
    .option('--prefill <what>', 'a closing assistant message: ignore, continue or refuse it')
    .option('--batch-ms <ms>', 'from the acceptance of a batch to its end (default: 1000)', Number)
    .option('--batch-fault <fault>', 'what goes wrong with every batch: lost, refuse, fail, expire@N, stall@N, stuck@N')
    .option('--seed <n>', 'another seed gives other answers', Number)
    .option('--fault <rule>', 'what goes wrong, as in: cut@40 chance=0.1 (repeatable)', list)
    .option('--script <file>', 'what a model says in an agent’s session, in YAML or JSON (repeatable)', list)
    .option('--kept-requests <n>', 'how many requests GET /sim/requests shows', Number)
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
  logger.info({ url: simulator.url }, 'simulating; control API under /sim');
  lifecycle.ready({ url: simulator.url });
});
