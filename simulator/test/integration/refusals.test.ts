// Requests that the simulator refuses by itself, with OpenAI's messages.
import { afterEach, describe, expect, test } from 'vitest';
import type { SimulatorOptions } from '../../src/options.ts';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat } from './client.ts';

let simulator: Simulator;

afterEach(() => simulator.close());

async function errorOf(options: SimulatorOptions, wanted: Parameters<typeof ask>[1]) {
  simulator = await startSimulator(options);
  const { status, text, headers } = await ask(simulator, wanted);
  return { status, headers, ...JSON.parse(text).error };
}

describe('keys', () => {
  const withKey = (authorization: string) => ({ body: chat('Hello.'), headers: { authorization } });

  test('that are wrong are quoted only in part', async () => {
    const error = await errorOf({ apiKey: 'sk-right' }, withKey('Bearer sk-wrong-and-long'));
    expect(error).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error' });
    expect(error.message).toContain('Incorrect API key provided: sk-********long.');
    expect(error.headers['www-authenticate']).toBe('Bearer realm="OpenAI API"');
  });

  test('that are missing are named in the error', async () => {
    const error = await errorOf({ apiKey: 'sk-right' }, { body: chat('Hello.') });
    expect(error).toMatchObject({ status: 401, code: null });
    expect(error.message).toContain("You didn't provide an API key.");
  });

  test('that are right are accepted', async () => {
    simulator = await startSimulator({ apiKey: 'sk-right' });
    expect((await ask(simulator, withKey('Bearer sk-right'))).status).toBe(200);
  });
});

describe('models', () => {
  test('outside the list are not found', async () => {
    const error = await errorOf({ models: ['gpt-5'] }, { body: chat('Hello.') });
    expect(error).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(error.message).toContain('`gpt-4o`');
  });

  test('can be listed and retrieved', async () => {
    simulator = await startSimulator({ models: ['gpt-5', 'vendor/model'] });
    const get = async (path: string) => {
      const { status, text } = await ask(simulator, { method: 'GET', path });
      return { status, ...JSON.parse(text) };
    };
    expect(await get('/v1/models')).toMatchObject({ object: 'list', data: [{ id: 'gpt-5' }, { id: 'vendor/model' }] });
    expect(await get('/v1/models/vendor%2Fmodel')).toMatchObject({ status: 200, id: 'vendor/model', object: 'model' });
    expect(await get('/v1/models/other')).toMatchObject({ status: 404, error: { code: 'model_not_found' } });
  });
});

describe('requests', () => {
  test('that are not JSON', async () => {
    expect(await errorOf({}, { body: '{"model":' })).toMatchObject({ status: 400, type: 'invalid_request_error' });
  });

  test('with an unknown path', async () => {
    const error = await errorOf({}, { path: '/v2/chat', body: {} });
    expect(error).toMatchObject({ status: 404, message: 'Invalid URL (POST /v2/chat)' });
  });

  test('with a misspelt command are refused, not ignored', async () => {
    const error = await errorOf({}, { body: chat('[[sim fualt=500]]') });
    expect(error).toMatchObject({ status: 400, param: 'messages' });
    expect(error.message).toContain('Unknown simulator command "fualt"');
  });
});

describe('the context window', () => {
  test('refuses a prompt that is longer', async () => {
    const error = await errorOf({ contextWindow: 20 }, { body: chat('x'.repeat(100)) });
    expect(error).toMatchObject({ status: 400, code: 'context_length_exceeded', param: 'messages' });
    expect(error.message).toContain(
      'maximum context length is 20 tokens. However, your messages resulted in 33 tokens',
    );
  });

  test('refuses a prompt and an answer that are longer together', async () => {
    const error = await errorOf({ contextWindow: 20 }, { body: chat('Hello.', { max_tokens: 11 }) });
    expect(error.message).toContain('you requested 21 tokens (10 in the messages, 11 in the completion)');
  });

  test('ends an answer without another limit', async () => {
    simulator = await startSimulator({ contextWindow: 20 });
    const { text } = await ask(simulator, { body: chat('Hello.') });
    expect(JSON.parse(text)).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { total_tokens: 20 } });
  });
});

describe('a prefilled answer', () => {
  test('is refused if the behaviour is set to that', async () => {
    const messages = [
      { role: 'user', content: 'Hello.' },
      { role: 'assistant', content: 'Well' },
    ];
    const error = await errorOf({ prefill: 'refuse' }, { body: { model: 'gpt-4o', messages } });
    expect(error).toMatchObject({ status: 400, message: expect.stringContaining('prefill') });
  });
});
