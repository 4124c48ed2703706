// Large bodies, one after the other over one connection: duration of each, compared with a direct call, cost, and memory. Without
// wrk, which treats an early answer as the end of its request, and without MONITOR, which would print every body.
import { Pool } from 'undici';
import type { Figures } from '../figures.ts';
import { cpuDuring, residentMiB } from '../processes.ts';
import type { SluiceOptions, Target } from '../targets.ts';
import { perUnit } from './requests.ts';

const MIB = 1024 * 1024;
const PIECE = 'iVBORw0KGgo';
const LINE = 'The quick brown fox jumps over the "lazy" dog.\n';

export interface LargeBodies {
  mib: number;
  calls: number;
  kind: LargeKind;
}

const QUESTION = 'What is this?';
const ask = (content: unknown) => [{ role: 'user', content }];

/** A prompt with an image in base64, per protocol; and one that is all text. */
const KINDS = {
  'openai-chat': {
    path: '/v1/chat/completions',
    body: (data: string) => {
      const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } };
      return { model: 'gpt-4o', messages: ask([{ type: 'text', text: QUESTION }, image]) };
    },
  },
  'openai-responses': {
    path: '/v1/responses',
    body: (data: string) => {
      const image = { type: 'input_image', image_url: `data:image/png;base64,${data}` };
      return { model: 'gpt-4o', store: false, input: ask([{ type: 'input_text', text: QUESTION }, image]) };
    },
  },
  'anthropic-messages': {
    path: '/v1/messages',
    body: (data: string) => {
      const image = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
      return { model: 'gpt-4o', max_tokens: 100, messages: ask([{ type: 'text', text: QUESTION }, image]) };
    },
  },
  'gemini-generate-content': {
    path: '/v1beta/models/gpt-4o:generateContent',
    body: (data: string) => ({
      contents: [{ role: 'user', parts: [{ text: QUESTION }, { inlineData: { mimeType: 'image/png', data } }] }],
    }),
  },
  'openai-chat, text': {
    path: '/v1/chat/completions',
    body: (data: string) => ({ model: 'gpt-4o', messages: ask(LINE.repeat(Math.floor(data.length / LINE.length))) }),
  },
} as const;

export type LargeKind = keyof typeof KINDS;
export const LARGE_KINDS = Object.keys(KINDS) as LargeKind[];

/** For a provider that answers in each of these protocols (reading-upstream.mjs). */
export function largeBodiesConfiguration(upstreamPort: number): NonNullable<SluiceOptions['configuration']> {
  const protocols = LARGE_KINDS.filter((kind) => !kind.includes(','));
  return { providers: { upstream: { protocols, base_url: `http://127.0.0.1:${upstreamPort}/v1`, slots: 1_024 } } };
}

export async function measureLargeBodies(
  figures: Figures,
  target: Target,
  { mib, calls, kind }: LargeBodies,
): Promise<void> {
  const { path, body: make } = KINDS[kind];
  const body = Buffer.from(JSON.stringify(make(PIECE.repeat(Math.floor((mib * MIB) / PIECE.length)))));
  const pool = new Pool(new URL(target.url).origin, { connections: 1, headersTimeout: 0, bodyTimeout: 0 });
  const headers = { 'content-type': 'application/json', ...target.headers };
  let errors = 0;
  async function call(): Promise<number> {
    const startedAtMs = performance.now();
    const answer = await pool.request({ method: 'POST', path, headers, body });
    await answer.body.text();
    if (answer.statusCode !== 200) errors++;
    return performance.now() - startedAtMs;
  }
  await call();
  const api = target.processes.find(({ name }) => name === 'api' || name === 'combined');
  const timesMs: number[] = [];
  /** Resident memory at each tenth of the calls. */
  const mibs: number[] = [];
  const { cpu } = await cpuDuring(target.processes, async () => {
    for (let n = 1; n <= calls; n++) {
      timesMs.push(await call());
      if (api !== undefined && n % Math.ceil(calls / 10) === 0) mibs.push(residentMiB(api.pid));
    }
  });
  await pool.close();
  timesMs.sort((a, b) => a - b);
  const half = Math.floor(mibs.length / 2);
  figures.note({
    part: `${kind}: bodies of ${mib} MiB, one at a time`,
    target: target.name,
    median_ms: timesMs[Math.floor(calls / 2)]!,
    least_ms: timesMs[0]!,
    errors,
    ...perUnit(cpu, calls),
    // Most in each half of the calls: memory that grows shows in the second.
    ...(half === 0 ? {} : { api_mib: Math.max(...mibs.slice(0, half)), api_mib_later: Math.max(...mibs.slice(half)) }),
  });
}
