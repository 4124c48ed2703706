// `sluice batch` in a separate directory, against a separate server that has only OpenAI's Batch API.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FAKE_KEY, type FakeBatchServer, type FakeLine, startFakeBatchServer } from './fake-batch-server.ts';
import { type CommandEnd, type RunningCommand, startSluice } from './sluice-command.ts';

export interface BatchSession {
  server: FakeBatchServer;
  directory: string;
  start(...args: string[]): RunningCommand;
  run(...args: string[]): Promise<CommandEnd>;
  read(name: string): string;
  /** Of a JSONL file. */
  readRows(name: string): (Record<string, unknown> & { custom_id: string })[];
  /** Batch lines `line-0`, `line-1` …; gives the file's path. */
  writeInput(name: string, count: number, change?: (line: FakeLine & Record<string, unknown>) => void): string;
  stop(): Promise<void>;
}

export async function startBatchSession(): Promise<BatchSession> {
  const server = await startFakeBatchServer();
  const directory = mkdtempSync(join(tmpdir(), 'sluice-command-'));
  const environment = { SLUICE_BASE_URL: server.baseUrl, SLUICE_API_KEY: FAKE_KEY };
  const start = (...args: string[]) => startSluice(['batch', ...args], directory, environment);
  const read = (name: string) => readFileSync(join(directory, name), 'utf8');
  return {
    server,
    directory,
    start,
    run: (...args) => start(...args).ended,
    read,
    readRows: (name) =>
      read(name)
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line) as Record<string, unknown> & { custom_id: string }),
    writeInput(name, count, change = () => undefined) {
      const lines = Array.from({ length: count }, (_, index) => {
        const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: `Grüße ${index}` }] };
        const line = { custom_id: `line-${index}`, method: 'POST', url: '/v1/chat/completions', body };
        change(line);
        return JSON.stringify(line);
      });
      writeFileSync(join(directory, name), `${lines.join('\n')}\n`);
      return join(directory, name);
    },
    async stop() {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
