// A provider that misbehaves on command: the stand-in in all of Sluice's tests, and for users who rehearse an outage.
// docs/simulator.md describes it.
import { anthropicBatchesDialect } from './dialects/anthropic-batches/dialect.ts';
import { anthropicMessagesDialect } from './dialects/anthropic-messages/dialect.ts';
import { geminiBatchesDialect } from './dialects/gemini-batches/dialect.ts';
import { geminiGenerateContentDialect } from './dialects/gemini-generate-content/dialect.ts';
import { openaiBatchesDialect } from './dialects/openai-batches/dialect.ts';
import { openaiChatDialect } from './dialects/openai-chat/dialect.ts';
import { openaiCompletionsDialect } from './dialects/openai-completions/dialect.ts';
import { openaiEmbeddingsDialect } from './dialects/openai-embeddings/dialect.ts';
import { openaiResponsesDialect } from './dialects/openai-responses/dialect.ts';
import { anthropicUsageDialect } from './dialects/usage-reports/anthropic.ts';
import { openaiUsageDialect } from './dialects/usage-reports/openai.ts';
import { BatchDesk } from './engine/batches/batch-desk.ts';
import { Engine } from './engine/engine.ts';
import type { FaultRuleReport } from './engine/faults/fault-book.ts';
import { type FaultRuleInput, faultRuleSchema } from './engine/faults/fault-rule.ts';
import type { BillEntry, BillTotals } from './engine/records/bill.ts';
import type { LoggedRequest } from './engine/records/request-log.ts';
import type { Tally } from './engine/records/tally.ts';
import { type Script, scriptsSchema } from './engine/scripts/script.ts';
import type { ScriptReport } from './engine/scripts/script-book.ts';
import { createRequestHandler, type Dialects } from './http/handle-request.ts';
import { listen } from './http/server.ts';
import {
  type Behaviour,
  type BehaviourChange,
  behaviourChangeSchema,
  changeBehaviour,
  compileOptions,
  type SimulatorOptions,
} from './options.ts';

/** Every protocol it speaks, one entry each. The first also answers what none of them knows. */
const DIALECTS: Dialects = [
  openaiChatDialect,
  openaiResponsesDialect,
  openaiEmbeddingsDialect,
  openaiCompletionsDialect,
  openaiBatchesDialect,
  openaiUsageDialect,
  // Before dialects that answer every other path of their provider.
  anthropicBatchesDialect,
  anthropicUsageDialect,
  geminiBatchesDialect,
  anthropicMessagesDialect,
  geminiGenerateContentDialect,
];

/** Default timeout of `until`. */
const DEFAULT_UNTIL_MS = 10_000;

export interface Simulator {
  /** Without a path: OpenAI-style providers add `/v1`. */
  url: string;
  port: number;
  bill: {
    totals(): BillTotals;
    /** In the order in which calls ended. */
    entries(): readonly BillEntry[];
    clear(): void;
  };
  faults: {
    list(): FaultRuleReport[];
    /** Replaces all rules and resets the counts. Throws a ZodError. */
    replace(rules: readonly FaultRuleInput[]): void;
    clear(): void;
  };
  scripts: {
    /** All scripts, with how often each turn was sent. */
    list(): ScriptReport[];
    /** Replaces all scripts. Throws a ZodError. */
    replace(scripts: readonly Script[]): void;
    clear(): void;
  };
  behaviour(): Behaviour;
  /** Applies to calls that begin from now on. Throws a ZodError. */
  change(change: BehaviourChange): void;
  stats(): Tally;
  clearStats(): void;
  /** The last requests, oldest first. */
  requests(): LoggedRequest[];
  /** Resolves as soon as the condition is met; rejects after `timeoutMs` (default 10 s). */
  until(isMet: (stats: Tally) => boolean, timeoutMs?: number): Promise<Tally>;
  /** Destroys every connection; nothing is left running. May be called twice. */
  close(): Promise<void>;
}

/** Rejects if the port is taken, and with a ZodError if the options are invalid. */
export async function startSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const compiled = compileOptions(options);
  const engine = new Engine(compiled);
  const { host } = compiled;
  const batches = new BatchDesk(engine);
  const handler = createRequestHandler({ engine, batches, dialects: DIALECTS });
  const { port, close } = await listen(host, compiled.port, handler);
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    ...controls(engine),
    async close() {
      await close();
      batches.close();
      engine.watch.close();
    },
  };
}

function controls(engine: Engine): Omit<Simulator, 'url' | 'port' | 'close'> {
  const { bill, faults, scripts } = engine;
  return {
    bill: { totals: () => bill.totals(), entries: () => bill.entries(), clear: () => bill.clear() },
    faults: {
      list: () => faults.list(),
      replace: (rules) => faults.replace(rules.map((rule) => faultRuleSchema.parse(rule))),
      clear: () => faults.replace([]),
    },
    scripts: {
      list: () => scripts.list(),
      replace: (given) => scripts.replace(scriptsSchema.parse(given)),
      clear: () => scripts.replace([]),
    },
    behaviour: () => engine.behaviour,
    change: (change) => engine.change(changeBehaviour(engine.behaviour, behaviourChangeSchema.parse(change))),
    stats: () => engine.tally(),
    clearStats: () => engine.clearTally(),
    requests: () => engine.log.list(),
    until: (isMet, timeoutMs = DEFAULT_UNTIL_MS) => engine.watch.until(isMet, timeoutMs),
  };
}
