// A provider that limits each of its accounts exactly: requests, tokens, input and output tokens in any sixty seconds, and calls
// at once. It announces what OpenAI or Anthropic announce, and judges its caller: how much of each limit was used, how many calls
// it had to refuse, and how many came before the wait that a refusal had asked for was over.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AccountLimits {
  requests: number;
  tokens: number;
  inputTokens: number;
  outputTokens: number;
  concurrency: number;
}

export interface Shape {
  inputTokens: number;
  outputTokens: number;
  callMs: number;
}

export interface Verdict {
  calls: number;
  refused: number;
  refusedBy: Record<string, number>;
  /** Calls that came although an earlier refusal had asked to wait longer. */
  early: number;
  /** Of each limit, from 0 to 1. */
  used: Record<keyof AccountLimits, number>;
}

export interface LimitedProvider {
  url: string;
  /** Takes effect at once. */
  change(account: string, limits: AccountLimits): void;
  shape: Shape;
  /** Since it was last asked. */
  verdict(): Verdict;
  close(): Promise<void>;
}

const MINUTE_MS = 60_000;
const RATES = ['requests', 'tokens', 'inputTokens', 'outputTokens'] as const;
type Rate = (typeof RATES)[number];
const CONCURRENCY_WAIT_MS = 1_000;
/** A call may be on its way while another one is refused. */
const ON_ITS_WAY_MS = 250;

interface Start {
  atMs: number;
  amounts: Record<Rate, number>;
}

class Account {
  limits: AccountLimits;
  starts: Start[] = [];
  inFlight = 0;
  closedFromMs = 0;
  closedUntilMs = 0;
  constructor(limits: AccountLimits) {
    this.limits = limits;
  }

  used(rate: Rate, nowMs: number): number {
    while (this.starts.length > 0 && this.starts[0]!.atMs <= nowMs - MINUTE_MS) this.starts.shift();
    return this.starts.reduce((sum, { amounts }) => sum + amounts[rate], 0);
  }

  /** Until so much fits; 0: now. */
  waitMs(rate: Rate, amount: number, nowMs: number): number {
    let over = this.used(rate, nowMs) + amount - this.limits[rate];
    for (const { atMs, amounts } of this.starts) {
      if (over <= 0) break;
      over -= amounts[rate];
      if (over <= 0) return atMs + MINUTE_MS - nowMs;
    }
    return 0;
  }
}

export async function startLimitedProvider(
  accounts: Record<string, AccountLimits>,
  shape: Shape,
): Promise<LimitedProvider> {
  const known = new Map(Object.entries(accounts).map(([key, limits]) => [key, new Account(limits)]));
  const book = { calls: 0, refused: 0, refusedBy: {} as Record<string, number>, early: 0, sinceMs: performance.now() };
  const totals = { requests: 0, tokens: 0, inputTokens: 0, outputTokens: 0, callMs: 0 };

  function judge(account: Account, nowMs: number): { by: string; waitMs: number } | null {
    if (nowMs > account.closedFromMs + ON_ITS_WAY_MS && nowMs < account.closedUntilMs) book.early += 1;
    if (account.inFlight >= account.limits.concurrency) return { by: 'concurrency', waitMs: CONCURRENCY_WAIT_MS };
    const { inputTokens, outputTokens } = provider.shape;
    // As providers do: what is written is counted when it is written, the prompt when it comes.
    const amounts = { requests: 1, tokens: inputTokens + outputTokens, inputTokens, outputTokens };
    for (const rate of RATES) {
      const waitMs = account.waitMs(rate, amounts[rate], nowMs);
      if (waitMs > 0) return { by: rate, waitMs };
    }
    account.starts.push({ atMs: nowMs, amounts });
    for (const rate of RATES) totals[rate] += amounts[rate];
    return null;
  }

  function serve(request: IncomingMessage, answer: ServerResponse): void {
    const isMessages = request.url!.endsWith('/messages');
    const key = String(request.headers['x-api-key'] ?? request.headers.authorization?.slice('Bearer '.length));
    const account = known.get(key)!;
    request.resume();
    request.on('end', () => {
      const nowMs = performance.now();
      const refusal = judge(account, nowMs);
      if (refusal !== null) {
        book.refused += 1;
        book.refusedBy[refusal.by] = (book.refusedBy[refusal.by] ?? 0) + 1;
        account.closedFromMs = nowMs;
        account.closedUntilMs = Math.max(account.closedUntilMs, nowMs + refusal.waitMs);
        const headers = { ...announce(account, isMessages), 'retry-after': String(Math.ceil(refusal.waitMs / 1_000)) };
        answer.writeHead(429, { 'content-type': 'application/json', ...headers });
        const what = refusal.by === 'concurrency' ? 'Too many concurrent requests.' : 'Rate limit reached.';
        return answer.end(JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: what } }));
      }
      book.calls += 1;
      account.inFlight += 1;
      const headers = announce(account, isMessages);
      setTimeout(() => {
        account.inFlight -= 1;
        totals.callMs += provider.shape.callMs;
        answer.writeHead(200, { 'content-type': 'application/json', ...headers });
        answer.end(JSON.stringify(isMessages ? message(provider.shape) : completion(provider.shape)));
      }, provider.shape.callMs);
    });
  }

  const server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const provider: LimitedProvider = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    shape,
    change: (key, limits) => {
      known.get(key)!.limits = limits;
    },
    verdict() {
      const minutes = (performance.now() - book.sinceMs) / MINUTE_MS;
      const sum = (name: keyof AccountLimits) =>
        [...known.values()].reduce((total, { limits }) => total + limits[name], 0);
      const used = {
        ...Object.fromEntries(RATES.map((rate) => [rate, totals[rate] / (sum(rate) * minutes)])),
        concurrency: totals.callMs / MINUTE_MS / (sum('concurrency') * minutes),
      } as Verdict['used'];
      const { calls, refused, refusedBy, early } = book;
      Object.assign(book, { calls: 0, refused: 0, refusedBy: {}, early: 0, sinceMs: performance.now() });
      for (const name of Object.keys(totals) as (keyof typeof totals)[]) totals[name] = 0;
      return { calls, refused, refusedBy, early, used };
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return provider;
}

const OPENAI = { requests: 'requests', tokens: 'tokens' } as const;
const ANTHROPIC = { requests: 'requests', inputTokens: 'input-tokens', outputTokens: 'output-tokens' } as const;

function announce(account: Account, isMessages: boolean): Record<string, string> {
  const nowMs = performance.now();
  const names: Partial<Record<Rate, string>> = isMessages ? ANTHROPIC : OPENAI;
  const headers: Record<string, string> = {};
  for (const [rate, name] of Object.entries(names) as [Rate, string][]) {
    const limit = account.limits[rate];
    if (limit >= UNLIMITED) continue;
    const remaining = Math.max(0, limit - account.used(rate, nowMs));
    const resetMs = account.starts.length === 0 ? 0 : account.starts.at(-1)!.atMs + MINUTE_MS - nowMs;
    const values = { limit: String(limit), remaining: String(remaining), reset: `${Math.ceil(resetMs)}ms` };
    for (const [what, value] of Object.entries(values)) {
      if (!isMessages) headers[`x-ratelimit-${what}-${name}`] = value;
      else
        headers[`anthropic-ratelimit-${name}-${what}`] =
          what === 'reset' ? new Date(Date.now() + resetMs).toISOString() : value;
    }
  }
  return headers;
}

/** Not announced. */
export const UNLIMITED = 1e9;

function completion({ inputTokens, outputTokens }: Shape): object {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'm',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Good.' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens },
  };
}

function message({ inputTokens, outputTokens }: Shape): object {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: 'Good.' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: inputTokens, output_tokens: outputTokens },
  };
}
