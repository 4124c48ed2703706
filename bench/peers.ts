// The gateways that Sluice is compared with, each installed separately: Portkey in bench/peers, LiteLLM in the temporary folder.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expectFree, startProcess, untilListening } from './processes.ts';
import type { Target } from './targets.ts';

const PORTKEY_PORT = 19_120;
const LITELLM_PORT = 19_121;
/** Installed from PyPI by uv or pip. */
const LITELLM = 'litellm[proxy]==1.108.7';
/** LiteLLM does not start without one. */
const LITELLM_MASTER_KEY = 'sk-bench-0123456789abcdef0123456789abcdef';
const LITELLM_START_MS = 120_000;
const DIRECTORY = fileURLToPath(new URL('peers', import.meta.url));
const VENV = join(tmpdir(), 'sluice-bench-litellm');

/** @param node path of the Node that runs Portkey, whose own image has version 20. */
export async function startPortkey(upstreamPort: number, node: string): Promise<Target> {
  const entry = join(DIRECTORY, 'node_modules/@portkey-ai/gateway/build/start-server.js');
  if (!existsSync(entry))
    install('npm', ['install', '--no-fund', '--no-audit', '--no-package-lock', '--loglevel=error']);
  const preload = join(DIRECTORY, 'bind-loopback.mjs');
  await expectFree(PORTKEY_PORT);
  const gateway = startProcess('portkey', node, ['--import', preload, entry, `--port=${PORTKEY_PORT}`, '--headless'], {
    cwd: DIRECTORY,
  });
  await untilListening(PORTKEY_PORT, gateway.child);
  return {
    name: 'portkey',
    url: `http://127.0.0.1:${PORTKEY_PORT}/v1/chat/completions`,
    headers: {
      authorization: 'Bearer bench',
      'x-portkey-provider': 'openai',
      'x-portkey-custom-host': `http://127.0.0.1:${upstreamPort}/v1`,
    },
    processes: [gateway],
    redisPort: null,
    stop: () => gateway.stop(),
  };
}

/** LiteLLM's proxy with one worker and no database, so that it stores nothing either. */
export async function startLiteLlm(upstreamPort: number): Promise<Target> {
  const command = join(VENV, 'bin/litellm');
  if (!existsSync(command)) installLiteLlm(join(VENV, 'bin/python'));
  const path = join(mkdtempSync(join(tmpdir(), 'sluice-bench-')), 'litellm.yaml');
  const parameters = { model: 'openai/gpt-4o', api_base: `http://127.0.0.1:${upstreamPort}/v1`, api_key: 'bench' };
  writeFileSync(path, JSON.stringify({ model_list: [{ model_name: 'gpt-4o', litellm_params: parameters }] }));
  const args = ['--config', path, '--host', '127.0.0.1', '--port', String(LITELLM_PORT), '--num_workers', '1'];
  await expectFree(LITELLM_PORT);
  const proxy = startProcess('litellm', command, args, {
    // Otherwise it downloads a price list.
    env: { ...process.env, LITELLM_LOCAL_MODEL_COST_MAP: 'True', LITELLM_LOG: 'ERROR', LITELLM_MASTER_KEY },
  });
  await untilListening(LITELLM_PORT, proxy.child, LITELLM_START_MS);
  return {
    name: 'litellm',
    url: `http://127.0.0.1:${LITELLM_PORT}/v1/chat/completions`,
    headers: { authorization: `Bearer ${LITELLM_MASTER_KEY}` },
    processes: [proxy],
    redisPort: null,
    stop: () => proxy.stop(),
  };
}

function installLiteLlm(python: string): void {
  const hasUv = spawnSync('uv', ['--version'], { stdio: 'ignore' }).status === 0;
  if (hasUv) {
    install('uv', ['venv', '-q', VENV]);
    install('uv', ['pip', 'install', '-q', '--python', python, LITELLM]);
  } else {
    install('python3', ['-m', 'venv', VENV]);
    install(python, ['-m', 'pip', 'install', '-q', LITELLM]);
  }
}

function install(command: string, args: readonly string[]): void {
  console.error(`installing a peer to compare with: ${command} ${args.join(' ')}`);
  const { status } = spawnSync(command, args, { cwd: DIRECTORY, stdio: 'inherit' });
  if (status !== 0) throw new Error(`the peer could not be installed: ${command} ${args.join(' ')}`);
}
