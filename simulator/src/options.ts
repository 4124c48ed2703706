// The options of a simulator, with all defaults. `sluice simulate` maps its flags to these; PUT /sim/behaviour accepts the
// options that can change while it runs.
import { z } from 'zod';
import { readBatchFault } from './engine/batches/batch-fault.ts';
import { type FaultRule, faultRuleSchema } from './engine/faults/fault-rule.ts';
import { MAX_WAIT_MS } from './engine/faults/fault-table.ts';
import { MAX_ANSWER_TOKENS } from './engine/faults/prompt-commands.ts';
import { MAX_KEPT_REQUESTS } from './engine/records/request-log.ts';
import { type Script, scriptsSchema } from './engine/scripts/script.ts';

const positive = z.number().int().positive();
const waitMs = z.number().min(0).max(MAX_WAIT_MS);
const usdPerMillion = z.number().nonnegative();

const price = z.strictObject({
  input: usdPerMillion,
  cachedInput: usdPerMillion.optional().describe('Default: the input price.'),
  cacheWrite: usdPerMillion.optional().describe('Default: the input price.'),
  output: usdPerMillion,
});

const behaviourFields = {
  tokens: z.number().int().min(0).max(MAX_ANSWER_TOKENS).describe('Length of an answer.'),
  paceMs: waitMs.describe('Time between tokens.'),
  firstTokenMs: waitMs.describe('Time from the request to its first token.'),
  rpm: positive.nullable().describe('Requests per minute; null does not limit.'),
  tpm: positive.nullable().describe('Tokens per minute, input and output together.'),
  concurrency: positive.nullable().describe('Concurrent calls.'),
  limitStyle: z
    .enum(['window', 'bucket'])
    .describe('window: no more than the limit in any sixty seconds. bucket: refills continuously, like OpenAI’s.'),
  contextWindow: positive.describe('Prompt and answer together, in tokens.'),
  models: z.array(z.string().min(1)).min(1).nullable().describe('Model names that are served; null for every name.'),
  price: price.describe('USD per million tokens.'),
  modelPrices: z.record(z.string(), price).describe('Prices of models that differ from price.'),
  prefill: z
    .enum(['ignore', 'continue', 'refuse'])
    .describe('Reaction to a final assistant message: a new answer, a continuation of it, or a 400.'),
  batchMs: waitMs.describe('Time from the acceptance of a batch to its end.'),
  batchFault: z.string().superRefine(checkBatchFault).nullable().describe('Fault of every batch, such as expire@10.'),
};

function checkBatchFault(text: string, context: z.RefinementCtx): void {
  try {
    readBatchFault(text);
  } catch (error) {
    context.addIssue({ code: 'custom', message: (error as Error).message });
  }
}

const behaviourSchema = z.strictObject(behaviourFields);
export type Behaviour = z.output<typeof behaviourSchema>;

/** gpt-4o's prices; no limits, no waiting. */
export const DEFAULT_BEHAVIOUR: Behaviour = {
  tokens: 60,
  paceMs: 0,
  firstTokenMs: 0,
  rpm: null,
  tpm: null,
  concurrency: null,
  limitStyle: 'window',
  contextWindow: 128_000,
  models: null,
  price: { input: 2.5, cachedInput: 1.25, output: 10 },
  modelPrices: {},
  prefill: 'ignore',
  batchMs: 1_000,
  batchFault: null,
};

/** A change contains only the members that change. */
export const behaviourChangeSchema = behaviourSchema.partial();
export type BehaviourChange = z.output<typeof behaviourChangeSchema>;

export const simulatorOptionsSchema = z.strictObject({
  ...behaviourChangeSchema.shape,
  name: z.string().min(1).default('simulator').describe('Name of this simulator, for commands with "on=".'),
  host: z.string().min(1).default('127.0.0.1'),
  port: z.number().int().min(0).max(65_535).default(0).describe('0: any free port.'),
  apiKey: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Key that every call must have; null accepts any key or none.'),
  adminKey: z
    .string()
    .min(1)
    .nullable()
    .default(null)
    .describe('Key required for usage and costs; null accepts any key or none.'),
  seed: z.number().int().nonnegative().default(0).describe('Another seed gives other answers and other random faults.'),
  faults: z.array(faultRuleSchema).default([]),
  scripts: scriptsSchema.default([]).describe('Scripts for agent sessions.'),
  keptRequests: z
    .number()
    .int()
    .min(0)
    .max(MAX_KEPT_REQUESTS)
    .default(200)
    .describe('Number of requests kept for GET /sim/requests.'),
});

export type SimulatorOptions = z.input<typeof simulatorOptionsSchema>;

export interface CompiledOptions {
  name: string;
  host: string;
  port: number;
  apiKey: string | null;
  adminKey: string | null;
  seed: number;
  faults: readonly FaultRule[];
  scripts: readonly Script[];
  keptRequests: number;
  behaviour: Behaviour;
}

/** Validated, with every default filled in. Throws a ZodError. */
export function compileOptions(options: SimulatorOptions): CompiledOptions {
  const parsed = simulatorOptionsSchema.parse(options);
  const { name, host, port, apiKey, adminKey, seed, faults, scripts, keptRequests, ...change } = parsed;
  return {
    name,
    host,
    port,
    apiKey,
    adminKey,
    seed,
    faults,
    scripts,
    keptRequests,
    behaviour: changeBehaviour(DEFAULT_BEHAVIOUR, change),
  };
}

/** Undefined members, from flags that were not given, change nothing. */
export function changeBehaviour(behaviour: Behaviour, change: BehaviourChange): Behaviour {
  const given = Object.entries(change).filter(([, value]) => value !== undefined);
  return { ...behaviour, ...Object.fromEntries(given) };
}
