// A batch and interactive traffic share a provider's limits: how much of each limit they use per minute at the provider, and
// whether it had to refuse a call. Lines are sized so that both limits are reached at the same time.
import { Agent, request } from 'undici';
import { createBatch, doneLines, untilBatch, upload, writeInput } from './client.ts';
import { type Deployment, pause, secretOf, startDeployment } from './deployment.ts';
import { print } from './print.ts';

const RPM = 600;
const TPM = 200_000;
const PROMPT_BYTES = 900;
/** With its prompt a line has about 333 tokens, and 600 lines have 200,000. */
const ANSWER_TOKENS = 100;
const INTERACTIVE_PER_SECOND = 2;
const MINUTE_MS = 60_000;

interface Stats {
  rateLimited: number;
  peaks: Record<string, number>;
  calls: number;
}

/** @param minutes measured, after the minute in which the window fills. */
export async function measureLimits(minutes: number): Promise<void> {
  const limits = { rpm: RPM, tpm: TPM };
  const deployment = await startDeployment({
    vendor: 'simulator',
    simulatorArgs: ['--rpm', String(RPM), '--tpm', String(TPM), '--tokens', String(ANSWER_TOKENS), '--first', '300'],
    limits,
    keys: ['bench', 'interactive'],
  });
  try {
    const more = { max_tokens: ANSWER_TOKENS };
    const lines = RPM * (minutes + 2);
    const path = await writeInput(deployment, { lines, promptBytes: PROMPT_BYTES, more });
    const id = await createBatch(deployment, await upload(deployment, path));
    await untilBatch(deployment, id, (batch) => doneLines(batch) > 0);
    const untilMs = performance.now() + (minutes + 1) * MINUTE_MS;
    const calls = askSteadily(deployment, untilMs);
    await pause(MINUTE_MS);
    const totals: { requests: number; tokens: number }[] = [];
    for (let minute = 0; minute < minutes; minute++) {
      const before = await served(deployment);
      await pause(MINUTE_MS);
      const after = await served(deployment);
      totals.push({ requests: after.requests - before.requests, tokens: after.tokens - before.tokens });
    }
    const statuses = await calls;
    const stats = await control<Stats>(deployment, '/sim/stats');
    for (const [minute, { requests, tokens }] of totals.entries()) {
      print({ what: 'limits', minute: minute + 1, rpm_used: requests / RPM, tpm_used: tokens / TPM });
    }
    print({
      refused_by_the_provider: stats.rateLimited,
      peaks: JSON.stringify(stats.peaks),
      interactive: statuses.length,
      interactive_ok: statuses.filter((status) => status === 200).length,
    });
  } finally {
    await deployment.stop();
  }
}

async function served(deployment: Deployment): Promise<{ requests: number; tokens: number }> {
  const { totals } = await control<{ totals: Record<string, number> }>(deployment, '/sim/bill?limit=1');
  return { requests: totals.calls!, tokens: totals.inputTokens! + totals.outputTokens! };
}

async function control<T>({ simulatorUrl }: Deployment, path: string): Promise<T> {
  return (await (await fetch(simulatorUrl + path)).json()) as T;
}

async function askSteadily({ url }: Deployment, untilMs: number): Promise<number[]> {
  const agent = new Agent({ connections: 64 });
  const calls: Promise<number>[] = [];
  const content = 'Tell me about the fox and the dog. '.repeat(PROMPT_BYTES / 35);
  while (performance.now() < untilMs) {
    const body = { model: 'gpt-4o', max_tokens: ANSWER_TOKENS, messages: [{ role: 'user', content }] };
    calls.push(ask(url, agent, body));
    await pause(1_000 / INTERACTIVE_PER_SECOND);
  }
  const statuses = await Promise.all(calls);
  await agent.destroy();
  return statuses;
}

async function ask(url: string, agent: Agent, body: object): Promise<number> {
  const answer = await request(`${url}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${secretOf('interactive')}` },
    body: JSON.stringify(body),
  });
  await answer.body.dump();
  return answer.statusCode;
}
