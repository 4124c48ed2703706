// What a client gets if its request is translated: `x-sluice-dropped` for fields that were left out, a 400 for fields that
// cannot be translated.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import type { ConfigurationInput } from '#src/config/schema.ts';
import { startBroker, type TestBroker } from '#test/support/broker.ts';
import { ask } from '#test/support/client.ts';
import { deployment } from '#test/support/providers.ts';

let vendor: Simulator;
let broker: TestBroker;

beforeAll(async () => {
  vendor = await startSimulator({ tokens: 4 });
  const anthropic = { protocols: ['anthropic-messages' as const], base_url: vendor.url, api_key: 'sk-ant' };
  const openai = { protocols: ['openai-chat' as const], base_url: `${vendor.url}/v1`, api_key: 'sk-openai' };
  const configuration: ConfigurationInput = {
    providers: { claude: anthropic, gpt: openai },
    models: {
      claude: { deployments: [deployment('claude', 'claude-sonnet-4-5')] },
      either: {
        deployments: [deployment('claude', 'claude-sonnet-4-5'), deployment('gpt', 'gpt-4.1', { tier: 2 })],
      },
    },
  };
  broker = await startBroker({ together: true, configuration });
});
afterAll(async () => {
  await broker?.stop();
  await vendor?.close();
});

const messages = [{ role: 'user', content: 'Hello' }];
const chat = (more: object) => ask(broker.url, { body: { messages, model: 'claude', ...more } });

describe.each([false, true])('streamed: %s', (stream) => {
  test('unsupported fields are left out and named, each once', async () => {
    const more = { stream, seed: 7, logit_bias: { 1: 2 }, brand_new: [1], web_search_options: { user_location: {} } };
    const { status, headers, text } = await chat(more);
    expect(status, text).toBe(200);
    const named = headers['x-sluice-dropped']!.split(', ');
    expect(named.toSorted()).toEqual(['brand_new', 'logit_bias', 'seed']);
    expect(JSON.parse(vendor.requests().at(-1)!.body)).not.toHaveProperty('seed');
  });

  test('names are the client’s own, and valid in a header', async () => {
    const contents = [{ role: 'user', parts: [{ text: 'Hello' }] }];
    const body = { contents, generationConfig: { seed: 7, presencePenalty: 1 }, 'naïve, new': 1 };
    const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent';
    const { status, headers, text } = await ask(broker.url, { path: `/v1beta/models/claude:${method}`, body });
    expect(status, text).toBe(200);
    const named = headers['x-sluice-dropped']!.split(', ').toSorted();
    expect(named).toEqual(['generationConfig.presencePenalty', 'generationConfig.seed', 'na?ve??new']);
  });

  test('nothing is named if nothing was left out', async () => {
    const { headers } = await chat({ stream, temperature: 0.5 });
    expect(headers).not.toHaveProperty('x-sluice-dropped');
  });

  test('a field that would change the answer is refused: the field, the provider, its protocol', async () => {
    const calls = vendor.requests().length;
    const { status, text } = await chat({ stream, n: 2 });
    expect(status).toBe(400);
    const { error } = JSON.parse(text);
    expect(error).toMatchObject({ type: 'invalid_request_error', param: 'n' });
    expect(error.message).toBe(
      "'n' cannot be sent to provider 'claude' (anthropic-messages): it returns one choice per request.",
    );
    expect(vendor.requests()).toHaveLength(calls);
  });

  test('if another step of the plan supports it, that one is used', async () => {
    const { status, headers, text } = await chat({ stream, n: 2, model: 'either' });
    expect(status, text).toBe(200);
    expect(headers['x-sluice-provider']).toBe('gpt');
  });
});
