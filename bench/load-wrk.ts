// Unstreamed load by wrk: requests per second and latency.
import { spawn } from 'node:child_process';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { endWithParent } from '#test/support/end-with-parent.ts';
import type { Target } from './targets.ts';

export interface WrkResult {
  requests: number;
  perSecond: number;
  medianMs: number;
  p99Ms: number;
  errors: number;
}

export interface WrkLoad {
  connections: number;
  seconds: number;
}

const BODY = JSON.stringify({
  model: 'gpt-4o',
  messages: [{ role: 'user', content: 'Write a haiku about the ocean, and one about the mountains.' }],
});

/** wrk prints its figures through this script, so that its own output need not be parsed. */
function scriptFor(target: Target, body: string): string {
  const headers = { 'content-type': 'application/json', ...target.headers };
  const lines = Object.entries(headers).map(([name, value]) => `wrk.headers["${name}"] = "${value}"`);
  return `wrk.method = "POST"
wrk.body = ${JSON.stringify(body)}
${lines.join('\n')}
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('\\nRESULT {"requests":%d,"duration":%d,"p50":%d,"p99":%d,"errors":%d}\\n', summary.requests,
    summary.duration, latency:percentile(50), latency:percentile(99), e.connect + e.read + e.write + e.status + e.timeout))
end
`;
}

export async function runWrk(target: Target, { connections, seconds }: WrkLoad): Promise<WrkResult> {
  const script = join(mkdtempSync(join(tmpdir(), 'sluice-bench-')), 'wrk.lua');
  writeFileSync(script, scriptFor(target, BODY));
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '30s', '-s', script, target.url];
  const child = endWithParent(spawn('wrk', args));
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  await new Promise((resolve) => child.once('exit', resolve));
  const found = /^RESULT (.*)$/m.exec(output);
  if (found === null) throw new Error(`wrk gave no result:\n${output}`);
  const raw = JSON.parse(found[1]!) as { requests: number; duration: number; p50: number; p99: number; errors: number };
  return {
    requests: raw.requests,
    perSecond: raw.requests / (raw.duration / 1e6),
    medianMs: raw.p50 / 1_000,
    p99Ms: raw.p99 / 1_000,
    errors: raw.errors,
  };
}
