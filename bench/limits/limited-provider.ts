// A provider whose accounts have limits (test/support/limited-account.ts), with the headers that OpenAI or Anthropic send.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  type AccountLimits,
  LimitedAccount,
  type Rate,
  type Shape,
  UNLIMITED,
  type Verdict,
  verdictOf,
} from '#test/support/limited-account.ts';

export interface LimitedProvider {
  url: string;
  /** Takes effect at once. */
  change(account: string, limits: AccountLimits): void;
  shape: Shape;
  /** What happened since the last call. */
  verdict(): Verdict;
  close(): Promise<void>;
}

export async function startLimitedProvider(
  accounts: Record<string, AccountLimits>,
  shape: Shape,
): Promise<LimitedProvider> {
  const known = new Map(Object.entries(accounts).map(([key, limits]) => [key, new LimitedAccount(limits)]));
  let sinceMs = performance.now();

  function serve(request: IncomingMessage, answer: ServerResponse): void {
    const isMessages = request.url!.endsWith('/messages');
    const key = String(request.headers['x-api-key'] ?? request.headers.authorization?.slice('Bearer '.length));
    const account = known.get(key)!;
    request.resume();
    request.on('end', () => {
      const nowMs = performance.now();
      const refusal = account.begin(provider.shape, nowMs);
      const headers = { 'content-type': 'application/json', ...announce(account, isMessages, nowMs) };
      if (refusal !== null) {
        answer.writeHead(429, { ...headers, 'retry-after': String(Math.ceil(refusal.waitMs / 1_000)) });
        const what = refusal.by === 'concurrency' ? 'Too many concurrent requests.' : 'Rate limit reached.';
        return answer.end(JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: what } }));
      }
      setTimeout(() => {
        account.end(provider.shape);
        answer.writeHead(200, headers);
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
      const nowMs = performance.now();
      const overMs = nowMs - sinceMs;
      sinceMs = nowMs;
      return verdictOf([...known.values()], overMs);
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

function announce(account: LimitedAccount, isMessages: boolean, nowMs: number): Record<string, string> {
  const names: Partial<Record<Rate, string>> = isMessages ? ANTHROPIC : OPENAI;
  const headers: Record<string, string> = {};
  for (const [rate, name] of Object.entries(names) as [Rate, string][]) {
    const limit = account.limits[rate];
    if (limit >= UNLIMITED) continue;
    const remaining = Math.max(0, limit - account.used(rate, nowMs));
    const resetMs = account.resetMs(nowMs);
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
