// The setting: a broker in front of two providers that fail one call in ten and give the same answers; and a third provider
// without faults that knows the expected answers.

import type { BillEntry } from '#simulator/engine/records/bill.ts';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { SPOKEN_PROTOCOLS } from '#test/support/spoken-protocols.ts';
import { exchange } from './exchange.ts';

export interface Setting {
  broker: TestBroker;
  /** The clients' key, with a budget that is never exhausted. */
  key: string;
  keyId: string;
  bills(): BillEntry[];
  faults(): number;
  calls(): number;
  /** The providers' answer to a prompt. */
  expected(prompt: string): Promise<string>;
  close(): Promise<void>;
}

export const MODEL = 'chaos';
const PACE_MS = 40;
const PRICE = { input: 2.5, cached_input: 1.25, output: 10 };
const TIMEOUTS = { connect_ms: 1_000, first_byte_ms: 8_000, idle_ms: 1_500 };
/** Most requests are hedged: a provider needs longer for its first token. */
const HEDGE = { after_ms: PACE_MS / 2, at_least_ms: 0, max_share_percent: 100, max_extra_cost_percent: 100 };
const RETRIES = { max: 2, base_ms: 20, max_ms: 200 };
/** Together, about one call in ten. */
const FAULTS = [
  '503 chance=0.015',
  '500 chance=0.01',
  '429:100 chance=0.01',
  'reset chance=0.01',
  'cut@6 chance=0.02',
  'end_early@9 chance=0.01',
  'stall@7 chance=0.005',
  'malformed@5 chance=0.01',
  'error_event@8 chance=0.01',
];
/** Invalid answers, added to the faults if these are mixed. */
const ABSURDITIES = ['absurd_usage chance=0.03', 'giant_event@4:2000000 chance=0.02'];

/** Long enough for a client to return to its answer until its time limit, however often workers died. */
export const KEPT_MS = 40_000;
const STORAGE = { finished_ms: KEPT_MS, idempotency_ms: KEPT_MS };
/** Counted from acceptance: the time that keys are kept starts at the deadline. */
export const KEY_KEPT_MS = KEPT_MS + 45_000;
const SERVER = {
  deadline_ms: KEY_KEPT_MS - KEPT_MS,
  resume_grace_ms: 4_000,
  shutdown_grace_ms: 5_000,
  keep_alive_ms: 2_000,
};
/** Redis replies only after writing to disk: nothing may be missing after it is killed. */
const KEPT = { appendOnly: true, args: ['--appendfsync', 'always'] };

export interface SettingOptions {
  apis: number;
  workers: number;
  combined?: number;
  isHedged?: boolean;
  mixesFaults?: boolean;
}

/** Ten thousand dollars, in picodollars: more than any run spends. */
const BUDGET = '10000000000000000';

export async function openSetting(options: SettingOptions): Promise<Setting> {
  const behaviour = {
    paceMs: PACE_MS,
    firstTokenMs: PACE_MS,
    keptRequests: 0,
    faults: options.mixesFaults ? [...ABSURDITIES, ...FAULTS] : FAULTS,
  };
  const [primary, secondary, undisturbed] = await Promise.all([
    startSimulator({ ...behaviour, name: 'primary', prefill: 'continue' }),
    startSimulator({ ...behaviour, name: 'secondary' }),
    startSimulator({ name: 'undisturbed', keptRequests: 0 }),
  ]);
  const simulators = [primary, secondary];
  const broker = await startBroker({
    configuration: configurationFor(primary, secondary, options.isHedged === true),
    redis: KEPT,
    apis: options.apis,
    workers: options.workers,
    combined: options.combined ?? 0,
  });
  const { id: keyId, secret: key } = await broker.createKey('chaos', { budgets: { total: BUDGET } });
  return {
    broker,
    key,
    keyId,
    bills: () => simulators.flatMap(({ bill }) => [...bill.entries()]),
    calls: () => simulators.reduce((sum, simulator) => sum + simulator.stats().calls, 0),
    faults: () => simulators.flatMap((simulator) => Object.values(simulator.stats().faults)).reduce((a, b) => a + b, 0),
    async expected(prompt) {
      const spoken = SPOKEN_PROTOCOLS['openai-chat'];
      const body = JSON.stringify(spoken.body({ model: MODEL, prompt, isStream: false }));
      const url = `${undisturbed.url}/v1/chat/completions`;
      const { text } = await exchange({ url, headers: {}, body, patienceMs: 10_000 });
      return spoken.readWhole(text);
    },
    async close() {
      await broker.stop();
      await Promise.all([...simulators, undisturbed].map((simulator) => simulator.close()));
    },
  };
}

function configurationFor(primary: Simulator, secondary: Simulator, isHedged: boolean): ConfigurationInput {
  const common = { api_key: 'sk-provider', timeouts: TIMEOUTS, retries: RETRIES };
  return {
    server: SERVER,
    storage: STORAGE,
    providers: {
      primary: { ...common, protocols: ['openai-chat'], base_url: `${primary.url}/v1`, prefill: 'plain' },
      secondary: { ...common, protocols: ['anthropic-messages'], base_url: secondary.url },
    },
    models: {
      [MODEL]: {
        deployments: [
          { provider: 'primary', model: MODEL, price: PRICE },
          { provider: 'secondary', model: MODEL, price: PRICE },
        ],
        output_tokens: 60,
        ...(isHedged ? { hedge: HEDGE } : {}),
      },
    },
  };
}
