// `sluice start` with a config.yaml of LiteLLM, in the format of its documentation; then the file changes while it runs.
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ask } from '#test/support/client.ts';
import { type Providers, startProviders } from '#test/support/providers.ts';
import { type RunningCommand, startSluice } from '#test/support/sluice-command.ts';
import { waitFor } from '#test/support/wait.ts';

let vendors: Providers;
let directory: string;
let running: RunningCommand;
let path: string;

/** @param more entries of the list. */
const file = (more = '') => `
model_list:
  - model_name: gpt-4o
    litellm_params:
      model: openai/gpt-4o-2024-11-20
      api_base: ${vendors.primary.url}/v1
      api_key: os.environ/PROVIDER_KEY
      rpm: 6000
  - model_name: gpt-4o
    litellm_params:
      model: azure/gpt-4o-eu
      api_base: os.environ/AZURE_API_BASE
      api_key: "os.environ/AZURE_API_KEY"
      api_version: "2024-10-21"
  - model_name: bedrock-claude-v1
    litellm_params:
      model: bedrock/anthropic.claude-instant-v1
      aws_region_name: us-east-1
  - model_name: vllm-models
    litellm_params:
      model: openai/facebook/opt-125m # the \`openai/\` prefix tells litellm it's openai compatible
      api_base: ${vendors.secondary.url}/v1
      api_key: none
      rpm: os.environ/VLLM_RPM
    model_info:
      version: 2
  - model_name: "openai/*"
    litellm_params:
      model: "openai/*"
      litellm_credential_name: main
${more}
credential_list:
  - credential_name: main
    credential_values: { api_key: os.environ/PROVIDER_KEY, api_base: ${vendors.primary.url}/v1 }
litellm_settings:
  drop_params: True
  num_retries: 2
  request_timeout: 10
  fallbacks: [{"vllm-models": ["gpt-4o"]}]
  context_window_fallbacks: [{"vllm-models": ["openai/gpt-4o-mini"]}]
  allowed_fails: 3
  success_callback: ["langfuse"]
router_settings:
  routing_strategy: simple-shuffle
  model_group_alias: {"gpt-4": "gpt-4o"}
  num_retries: 2
  timeout: 30
general_settings:
  master_key: sk-1234
  alerting: ["slack"]
  database_url: os.environ/DATABASE_URL
`;

function replace(text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

beforeAll(async () => {
  vendors = await startProviders({ tokens: 4 });
  directory = mkdtempSync(join(tmpdir(), 'sluice-litellm-'));
  path = join(directory, 'config.yaml');
  replace(file());
  running = startSluice(['start', '--config', path, '--data', join(directory, 'data'), '-v'], directory, {
    PORT: '0',
    PROVIDER_KEY: 'sk-provider-0123456789',
    VLLM_RPM: '1440',
  });
  await waitFor('Sluice to run', () => existsSync(join(directory, 'data', 'admin-url')), 40_000);
}, 60_000);
afterAll(async () => {
  running?.interrupt();
  await running?.ended;
  await vendors?.close();
  rmSync(directory, { recursive: true, force: true });
});

const line = (name: string) => readFileSync(join(directory, 'data', name), 'utf8').trim();
const answer = (model: string) =>
  ask(line('url').replace(/\/v1$/, ''), {
    key: line('key'),
    body: { model, messages: [{ role: 'user', content: 'Hi.' }] },
  });
const untilLogged = (text: string) =>
  waitFor(`the log to say "${text}"`, () => (running.stderr() + running.stdout()).includes(text));

test('it works, and lists what is not supported', async () => {
  for (const model of ['gpt-4o', 'gpt-4', 'vllm-models', 'openai/gpt-4o-mini']) {
    expect(await answer(model)).toMatchObject({
      status: 200,
      headers: { 'x-sluice-provider': expect.stringMatching(/^openai/) },
    });
  }
  for (const name of ['AZURE_API_BASE', 'success_callback', 'master_key', 'database_url', 'alerting', 'bedrock']) {
    expect(running.stderr()).toContain(name);
  }
});

const NEW_MODEL = (url: string) => `
  - model_name: added
    litellm_params: { model: mistral/mistral-small, api_base: "${url}/v1", api_key: sk-added-0123456789 }`;

test('a model of a new provider is available as soon as the file has it, without a restart', async () => {
  expect((await answer('added')).status).toBe(404);
  replace(file(NEW_MODEL(vendors.secondary.url)));
  await waitFor('the new model', async () => (await answer('added')).status === 200);
  expect(await answer('added')).toMatchObject({ headers: { 'x-sluice-provider': 'mistral' } });
});

test('an invalid file is refused with its errors, and the previous one stays in force', async () => {
  replace(file(`  - model_name: broken\n    litellm_params: { model: openai/x, api_base: "not an address" }`));
  await untilLogged('the new configuration was refused');
  expect((await answer('added')).status).toBe(200);
  expect((await answer('broken')).status).toBe(404);
});

test('under load no request is affected by reloads, valid or invalid', async () => {
  const statuses: (number | null)[] = [];
  let isOver = false;
  const client = async () => {
    while (!isOver) statuses.push((await answer('gpt-4o')).status);
  };
  const clients = Array.from({ length: 6 }, client);
  const answered = async (more: number) => {
    const before = statuses.length;
    await waitFor('further answers', () => statuses.length >= before + more);
  };
  for (let round = 0; round < 4; round++) {
    replace(
      file(
        `  - model_name: round-${round}\n    litellm_params: { model: openai/x, api_base: "${vendors.primary.url}/v1" }`,
      ),
    );
    running.hangUp();
    await waitFor('the new model', async () => (await answer(`round-${round}`)).status !== 404);
    replace('model_list: 7\n');
    running.hangUp();
    await answered(20);
    expect((await answer(`round-${round}`)).status).not.toBe(404);
  }
  isOver = true;
  await Promise.all(clients);
  expect(new Set(statuses)).toEqual(new Set([200]));
});

test('SIGHUP reloads it at once; settings that require a restart are named', async () => {
  replace(`server: { port: 1234 }\nmodels: {}\nproviders: {}\n`);
  running.hangUp();
  await untilLogged('server.port');
  await waitFor('the models to be gone', async () => (await answer('gpt-4o')).status === 404);
});
