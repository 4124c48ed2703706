// A public name hides the model that answers, and a fallback changes it: a parameter that one model accepts and the next
// refuses must not fail the request if both speak the client's protocol and nothing is translated.
import type Anthropic from '@anthropic-ai/sdk';
import Anthropic0 from 'anthropic0';
import { afterEach, expect, test } from 'vitest';
import { TEST_KEY } from '#test/support/broker.ts';
import { useProviders } from '#test/support/sdk/providers.ts';

const vendors = useProviders();
const connect = () =>
  new Anthropic0({ baseURL: vendors.broker.url, apiKey: TEST_KEY, maxRetries: 0 }) as unknown as Anthropic;
const asked = {
  model: 'claude',
  max_tokens: 2_048,
  messages: [{ role: 'user' as const, content: 'Reply with exactly: fine' }],
};

afterEach(() => vendors.simulators.anthropic.faults.clear());

test('sampling and a budget that the next model refuses are left out and named', async () => {
  vendors.simulators.anthropic.faults.replace(['503 model=claude-sonnet-4-5']);
  const thinking = { type: 'enabled' as const, budget_tokens: 1_024 };
  const { data, response } = await connect()
    .messages.create({ ...asked, thinking })
    .withResponse();
  expect(data.content.at(-1)).toMatchObject({ type: 'text', text: 'fine' });
  // Claude Code keeps thoughts only of the model that it requested; a header names the model that answered.
  expect([data.model, response.headers.get('x-sluice-model')]).toEqual(['claude', 'claude-opus-5']);
  // Away, refused, answered.
  expect(response.headers.get('x-sluice-attempts')).toBe('3');

  const sampled = await connect()
    .messages.create({ ...asked, temperature: 0.3 } as Anthropic.MessageCreateParamsNonStreaming)
    .withResponse();
  expect(sampled.response.headers.get('x-sluice-dropped')).toBe('temperature');
  // Away, answered: what the model refuses is known.
  expect(sampled.response.headers.get('x-sluice-attempts')).toBe('2');
});

test('a model that accepts them gets them unchanged', async () => {
  const body = { ...asked, temperature: 0.3 } as Anthropic.MessageCreateParamsNonStreaming;
  const { data, response } = await connect().messages.create(body).withResponse();
  expect([data.model, response.headers.get('x-sluice-model')]).toEqual(['claude', 'claude-sonnet-4-5']);
  expect(response.headers.get('x-sluice-dropped')).toBeNull();
  expect(JSON.parse(vendors.lastBody('anthropic'))).toEqual({ ...body, model: 'claude-sonnet-4-5' });
});
