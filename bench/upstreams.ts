// The cheap providers behind all targets: nginx with a fixed completion, the simulator with paced tokens.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectFree, type Measured, startProcess, untilListening } from './processes.ts';

export const FIXED_PORT = 19_101;
export const PACED_PORT = 19_102;
export const READING_PORT = 19_103;

const COMPLETION = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1,
  model: 'gpt-4o',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: 'Hello! How can I help you today?', refusal: null },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { prompt_tokens: 8, completion_tokens: 9, total_tokens: 17 },
});

export async function startFixedUpstream(port = FIXED_PORT): Promise<Measured> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'));
  const path = join(directory, 'nginx.conf');
  writeFileSync(
    path,
    `worker_processes 1; master_process off; daemon off; pid ${directory}/nginx.pid; error_log ${directory}/error.log;
events { worker_connections 4096; }
http {
  access_log off; keepalive_requests 100000000; client_body_temp_path ${directory}/body;
  server {
    listen 127.0.0.1:${port};
    client_body_buffer_size 64k; client_max_body_size 0;
    location / { default_type application/json; return 200 '${COMPLETION}'; }
  }
}
`,
  );
  await expectFree(port);
  const nginx = startProcess('upstream', 'nginx', ['-c', path]);
  await untilListening(port, nginx.child);
  return nginx;
}

/** A provider that reads bodies to their end. */
export async function startReadingUpstream(): Promise<Measured> {
  const entry = fileURLToPath(new URL('reading-upstream.mjs', import.meta.url));
  await expectFree(READING_PORT);
  const server = startProcess('upstream', process.execPath, [entry, String(READING_PORT), COMPLETION]);
  await untilListening(READING_PORT, server.child);
  return server;
}

/** @param paceMs time between tokens. */
export async function startPacedUpstream(tokens: number, paceMs: number): Promise<Measured> {
  const entry = fileURLToPath(new URL('../simulator/src/simulate.ts', import.meta.url));
  const args = [
    entry,
    '--port',
    String(PACED_PORT),
    '--tokens',
    String(tokens),
    '--pace',
    String(paceMs),
    '--kept-requests',
    '0',
  ];
  await expectFree(PACED_PORT);
  const simulator = startProcess('upstream', process.execPath, args);
  await untilListening(PACED_PORT, simulator.child);
  return simulator;
}
