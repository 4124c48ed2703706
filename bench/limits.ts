// `npm run limits-proof`: how much of a provider's limits is used when none of them is configured, by eight workers with more
// work than it allows, and how often it refuses. Each scenario has its own broker, one minute to learn and one minute that is
// measured. `-- --only requests,tokens` selects scenarios; figures are printed, with `--json` as JSON.
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';
import {
  type AccountLimits,
  APART,
  LIMITS,
  type Shape,
  SMALL,
  times,
  type Verdict,
} from '#test/support/limited-account.ts';
import { type LimitedProvider, startLimitedProvider } from './limits/limited-provider.ts';

const WORKERS = 8;
const MINUTE_MS = 60_000;
const CLIENTS = 80;

interface Scenario {
  binding: keyof AccountLimits;
  accounts: Record<string, AccountLimits>;
  shape: Shape;
  isMessages?: true;
  /** The limits are multiplied by this after the minute of learning. */
  factor?: number;
}

const SCENARIOS: Record<string, Scenario> = {
  requests: { binding: 'requests', accounts: { one: LIMITS }, shape: SMALL },
  tokens: {
    binding: 'tokens',
    accounts: { one: LIMITS },
    shape: { inputTokens: 200, outputTokens: 120, callMs: 1_000 },
  },
  concurrency: { binding: 'concurrency', accounts: { one: LIMITS }, shape: { ...SMALL, callMs: 4_000 } },
  'concurrency-halved': {
    binding: 'concurrency',
    accounts: { one: LIMITS },
    shape: { ...SMALL, callMs: 4_000 },
    factor: 0.5,
  },
  'concurrency-doubled': {
    binding: 'concurrency',
    accounts: { one: times(LIMITS, 0.5) },
    shape: { ...SMALL, callMs: 4_000 },
    factor: 2,
  },
  halved: { binding: 'requests', accounts: { one: LIMITS }, shape: SMALL, factor: 0.5 },
  doubled: { binding: 'requests', accounts: { one: LIMITS }, shape: SMALL, factor: 2 },
  input: {
    binding: 'inputTokens',
    accounts: { one: APART },
    shape: { inputTokens: 100, outputTokens: 20, callMs: 1_000 },
    isMessages: true,
  },
  output: {
    binding: 'outputTokens',
    accounts: { one: APART },
    shape: { inputTokens: 20, outputTokens: 40, callMs: 1_000 },
    isMessages: true,
  },
  credentials: {
    binding: 'requests',
    accounts: { large: LIMITS, middle: times(LIMITS, 0.5), small: times(LIMITS, 0.25) },
    shape: SMALL,
  },
};

function configurationFor({ accounts, isMessages }: Scenario, { url }: LimitedProvider): ConfigurationInput {
  const keys = Object.keys(accounts);
  const credentials = Object.fromEntries(keys.map((key) => [key, { api_key: key }]));
  const address = isMessages
    ? { protocols: ['anthropic-messages' as const], base_url: url }
    : { protocols: ['openai-chat' as const], base_url: `${url}/v1` };
  return {
    providers: { limited: { ...address, ...(keys.length > 1 ? { credentials } : { api_key: keys[0]! }) } },
    models: { m: { deployments: [{ provider: 'limited', model: 'm', price: { input: 1, output: 1 } }] } },
  };
}

interface Load {
  statuses: Record<number, number>;
  stop(): Promise<void>;
}

/** Starts clients that each send one request after the other. */
function startLoad(broker: TestBroker, { shape, isMessages }: Scenario): Load {
  const agent = new Agent({ connections: CLIENTS });
  const statuses: Record<number, number> = {};
  // Estimated at a quarter of a token per character, which is slightly off, as estimates usually are.
  const content = 'x'.repeat(shape.inputTokens * 4);
  const body = JSON.stringify({
    model: 'm',
    ...(isMessages ? { max_tokens: 400 } : {}),
    messages: [{ role: 'user', content }],
  });
  const headers = {
    'content-type': 'application/json',
    authorization: `Bearer ${TEST_KEY}`,
    'x-sluice-deadline-ms': '120000',
  };
  let isOver = false;
  const client = async () => {
    while (!isOver) {
      const path = isMessages ? '/v1/messages' : '/v1/chat/completions';
      const answer = await request(`${broker.url}${path}`, { dispatcher: agent, method: 'POST', headers, body }).catch(
        () => null,
      );
      await answer?.body.dump().catch(() => undefined);
      const status = answer?.statusCode ?? 0;
      if (!isOver) statuses[status] = (statuses[status] ?? 0) + 1;
      if (status !== 200) await new Promise((resolve) => setTimeout(resolve, 250));
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  return {
    statuses,
    async stop() {
      isOver = true;
      await agent.destroy();
      await Promise.allSettled(clients);
    },
  };
}

export interface Figures {
  scenario: string;
  binding: string;
  usedPercent: number;
  refusedPercent: number;
  early: number;
  whileLearning: { calls: number; refused: number };
}

async function run(name: string, scenario: Scenario): Promise<Figures> {
  const provider = await startLimitedProvider(scenario.accounts, scenario.shape);
  const broker = await startBroker({ configuration: configurationFor(scenario, provider), workers: WORKERS });
  provider.verdict();
  const load = startLoad(broker, scenario);
  const after = async (ms: number) => {
    await new Promise((resolve) => setTimeout(resolve, ms));
    return provider.verdict();
  };
  try {
    const learning = await after(MINUTE_MS);
    const { factor } = scenario;
    if (factor !== undefined) {
      for (const [key, limits] of Object.entries(scenario.accounts)) provider.change(key, times(limits, factor));
      // During the first minute after the change, windows still contain earlier calls.
      await after(MINUTE_MS);
    }
    return describe(name, scenario, learning, await after(MINUTE_MS));
  } finally {
    await load.stop();
    await broker.stop();
    await provider.close();
  }
}

function describe(scenario: string, { binding }: Scenario, learning: Verdict, counted: Verdict): Figures {
  const offered = counted.calls + counted.refused;
  if (process.argv.includes('--verbose')) console.error({ learning, counted });
  return {
    scenario,
    binding,
    usedPercent: Math.round(counted.used[binding] * 1_000) / 10,
    refusedPercent: Math.round((counted.refused / Math.max(1, offered)) * 1_000) / 10,
    early: counted.early,
    whileLearning: { calls: learning.calls, refused: learning.refused },
  };
}

const { values } = parseArgs({
  options: {
    only: { type: 'string' },
    json: { type: 'boolean', default: false },
    verbose: { type: 'boolean', default: false },
  },
});
const names = values.only?.split(',') ?? Object.keys(SCENARIOS);
const figures: Figures[] = [];
for (const name of names) {
  const result = await run(name, SCENARIOS[name]!);
  figures.push(result);
  const { binding, usedPercent, refusedPercent, early, whileLearning } = result;
  const learned = `${whileLearning.refused} of ${whileLearning.calls + whileLearning.refused} refused while learning`;
  if (!values.json)
    console.log(
      `${name}: ${usedPercent} % of ${binding} used, ${refusedPercent} % refused, ${early} early (${learned})`,
    );
}
if (values.json) console.log(JSON.stringify(figures));
const isGood = figures.every(
  ({ usedPercent, refusedPercent, early }) => usedPercent >= 95 && refusedPercent <= 1 && early === 0,
);
process.exitCode = isGood ? 0 : 1;
