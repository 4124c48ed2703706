// Every field that the documentation of OmniRouters and YouRouter lists: requests with it are answered by a provider of any
// protocol, and answers have what is promised.
import { afterEach, describe, expect, test } from 'vitest';
import { IMAGE_BASE64, IMAGE_URL, PDF_BASE64 } from '#test/fixtures/protocols/fixtures.ts';
import { TEST_KEY } from '#test/support/broker.ts';
import { expectChunks, expectCompletion, readEvents } from '#test/support/seed-expectations.ts';
import { SEED_PROVIDERS, type SeedProvider, useSeedProviders } from '#test/support/seed-providers.ts';

const vendors = useSeedProviders();
afterEach(() => vendors.answerBy('openai'));

async function post(body: object, key = TEST_KEY) {
  const answer = await fetch(`${vendors.broker.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'your-enabled-model', messages: [{ role: 'user', content: 'Hello.' }], ...body }),
  });
  return { status: answer.status, text: await answer.text(), dropped: answer.headers.get('x-sluice-dropped') };
}

async function complete(body: object) {
  const { status, text, dropped } = await post(body);
  expect(status, text).toBe(200);
  expectCompletion(JSON.parse(text), 'your-enabled-model');
  return { dropped, sent: (provider: SeedProvider) => vendors.simulators[provider].requests().at(-1)!.body };
}

const WEATHER = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
};

/** Fields that a provider does not have, and whose absence does not change the meaning of the answer. */
const DROPPED: Record<SeedProvider, readonly string[]> = {
  openai: [],
  azure: ['frequency_penalty', 'logit_bias', 'presence_penalty', 'seed'],
  anthropic: ['frequency_penalty', 'logit_bias', 'logprobs', 'presence_penalty', 'seed', 'top_p'],
  google: ['frequency_penalty', 'logit_bias', 'presence_penalty', 'user'],
};

describe.each(SEED_PROVIDERS)('answered by %s', (provider) => {
  const ask = (body: object) => {
    vendors.answerBy(provider);
    return complete(body);
  };

  test('sampling parameters; those that the provider does not have are named', async () => {
    const { dropped } = await ask({
      temperature: 0.7,
      top_p: 0.9,
      n: 1,
      max_tokens: 256,
      presence_penalty: 0.5,
      frequency_penalty: -0.5,
      logit_bias: { '50256': -100 },
      user: 'user-1234',
      seed: 7,
      logprobs: true,
      top_logprobs: 2,
      stream: false,
    });
    expect(dropped?.split(', ').sort() ?? []).toEqual(DROPPED[provider]);
  });

  test.each([
    ['tools', { tools: [WEATHER], tool_choice: 'none', parallel_tool_calls: false }],
    ['response_format json_object', { response_format: { type: 'json_object' } }],
    ['response_format text', { response_format: { type: 'text' } }],
    ['max_completion_tokens', { max_completion_tokens: 256 }],
  ])('%s', async (_name, body) => {
    await ask(body);
  });

  test('every role, with tool calls and their results', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'get_weather', arguments: '{"city":"Paris"}' } };
    const { sent } = await ask({
      tools: [WEATHER],
      messages: [
        { role: 'system', content: 'You are a helpful assistant.' },
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: 'How is Paris?', name: 'alice' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'call_1', content: 'Sunny' },
        { role: 'assistant', content: 'It is sunny.' },
        { role: 'user', content: 'Thanks.' },
      ],
    });
    for (const text of ['You are a helpful assistant.', 'Be brief.', 'How is Paris?', 'Sunny', 'It is sunny.']) {
      expect(sent(provider)).toContain(text);
    }
  });

  test('the older form of function calls', async () => {
    const { sent } = await ask({
      functions: [WEATHER.function],
      messages: [
        { role: 'user', content: 'How is Paris?' },
        { role: 'assistant', content: null, function_call: { name: 'get_weather', arguments: '{"city":"Paris"}' } },
        { role: 'function', name: 'get_weather', content: 'Sunny' },
      ],
    });
    expect(sent(provider)).toContain('Sunny');
  });

  test('parts: text, images in both forms, a file, a refusal in the history', async () => {
    const { sent } = await ask({
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'Before.' }] },
        { role: 'assistant', content: [{ type: 'refusal', refusal: 'I would rather not.' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Describe them.' },
            { type: 'image_url', image_url: { url: IMAGE_URL, detail: 'auto' } },
            { type: 'image_url', image_url: { url: `data:image/png;base64,${IMAGE_BASE64}`, detail: 'low' } },
            { type: 'file', file: { filename: 'a.pdf', file_data: `data:application/pdf;base64,${PDF_BASE64}` } },
          ],
        },
      ],
    });
    for (const text of ['Describe them.', 'I would rather not.', IMAGE_URL, IMAGE_BASE64, PDF_BASE64]) {
      expect(sent(provider)).toContain(text);
    }
  });

  test('the details of usage', async () => {
    vendors.answerBy(provider);
    const { text } = await post({});
    expect(JSON.parse(text).usage).toMatchObject({
      prompt_tokens_details: { cached_tokens: expect.any(Number) },
      completion_tokens_details: { reasoning_tokens: expect.any(Number) },
    });
  });

  test('chunks of a stream, with usage if requested', async () => {
    vendors.answerBy(provider);
    const { text } = await post({ stream: true, stream_options: { include_usage: true } });
    const events = readEvents(text);
    expect(expectChunks(events.slice(0, -1))).not.toBe('');
    expect(events[0]).toMatchObject({ choices: [{ delta: { role: 'assistant' } }] });
    expect(events.at(-1)).toMatchObject({ choices: [], usage: { total_tokens: expect.any(Number) } });
  });

  test('several choices, or a message that this provider returns only one', async () => {
    vendors.answerBy(provider);
    const { status, text } = await post({ n: 2 });
    const answer = JSON.parse(text) as { choices?: unknown[]; error?: { param: string } };
    if (status === 200) expect(answer.choices).toHaveLength(2);
    else expect({ status, param: answer.error?.param }).toEqual({ status: 400, param: 'n' });
  });
});

describe('YouRouter: models by their providers’ names', () => {
  test.each(['gpt-4o', 'claude-sonnet-4-20250514', 'gemini-2.5-flash'])('%s', async (model) => {
    await complete({ model, temperature: 0.5, max_tokens: 100 });
  });
});

describe('OmniRouters: audio, if the provider accepts it', () => {
  test.each(['mp3', 'wav'])('%s', async (format) => {
    const part = { type: 'input_audio', input_audio: { data: 'SUQzBAAAAAAAI1RTU0UAAAAP', format } };
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'What is said?' }, part] }];
    const { sent } = await complete({ model: 'gemini-2.5-flash', messages });
    expect(sent('google')).toContain(part.input_audio.data);
    const { status, text } = await post({ model: 'claude-sonnet-4-20250514', messages });
    expect({ status, text }).toMatchObject({ status: 400, text: expect.stringContaining('anthropic') });
  });
});

describe('OmniRouters: extra_body.google.image_config', () => {
  const SIZES = { '1K': 1, '2K': 2, '4K': 4 };
  const RATIOS = ['1:1', '3:4', '4:3', '9:16', '16:9'];
  const cases = RATIOS.flatMap((ratio) => Object.entries(SIZES).map(([size, times]) => [ratio, size, times] as const));

  /** Width and height are in the first chunk of a PNG. */
  function sidesOf(url: string): [number, number] {
    const png = Buffer.from(url.slice(url.indexOf(',') + 1), 'base64');
    return [png.readUInt32BE(16), png.readUInt32BE(20)];
  }

  async function draw(body: object): Promise<[number, number]> {
    const { status, text } = await post({ model: 'gemini-2.5-flash-image', ...body });
    expect(status, text).toBe(200);
    const { images } = JSON.parse(text).choices[0].message as { images: { image_url: { url: string } }[] };
    return sidesOf(images[0]!.image_url.url);
  }

  test.each(cases)('%s in %s', async (ratio, size) => {
    const google = { image_config: { aspect_ratio: ratio, image_size: size } };
    const [width, height] = await draw({ extra_body: { google } });
    const [across, down] = ratio.split(':').map(Number) as [number, number];
    expect(width * down).toBe(height * across);
    // How Python’s SDK sends `extra_body`: its members are in the body itself.
    expect(await draw({ google })).toEqual([width, height]);
    // In the body of a stream, too.
    const { text } = await post({ model: 'gemini-2.5-flash-image', extra_body: { google }, stream: true });
    expect(text).toContain('data:image/png;base64,');
  });

  test('larger sizes give larger images', async () => {
    const sides = [];
    for (const size of Object.keys(SIZES)) {
      const google = { image_config: { aspect_ratio: '1:1', image_size: size } };
      sides.push((await draw({ extra_body: { google } }))[0]);
    }
    expect(sides).toEqual([sides[0], sides[0]! * 2, sides[0]! * 4]);
  });
});

describe('YouRouter: common errors', () => {
  test.each<[number, object, string?]>([
    [400, { messages: 'Hello.' }],
    [401, {}, 'sk-wrong'],
    [429, { messages: [{ role: 'user', content: '[[sim fault=429:10]]' }], model: 'gpt-4o' }],
    [502, { messages: [{ role: 'user', content: '[[sim fault=500]]' }], model: 'gpt-4o' }],
  ])('%i', async (status, body, key) => {
    const answer = await post(body, key);
    expect(answer.status).toBe(status);
    expect(JSON.parse(answer.text)).toMatchObject({ error: { message: expect.any(String), type: expect.any(String) } });
  });
});
