// Raw bytes of a pass-through stream, compared with the provider's own response to the same request.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '#simulator/simulator.ts';
import { startBroker, TEST_KEY, type TestBroker } from '#test/support/broker.ts';

let simulator: Simulator;
let plain: TestBroker;
let numbered: TestBroker;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 30 });
  const configuration = {
    providers: { sim: { protocols: ['openai-chat' as const], base_url: `${simulator.url}/v1` } },
    models: { m: { deployments: [{ provider: 'sim', model: 'm', price: { input: 1, output: 2 } }] } },
  };
  plain = await startBroker({ together: true, configuration: { ...configuration, server: { stream_ids: false } } });
  numbered = await startBroker({ together: true, configuration });
});
afterAll(async () => {
  await plain.stop();
  await numbered.stop();
  await simulator.close();
});

async function post(url: string, body: object): Promise<string> {
  const answer = await fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_KEY}` },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(200);
  return answer.text();
}

/** Every call has its own id and time. */
const anonymous = (text: string) =>
  text.replace(/chatcmpl-\w+/g, 'chatcmpl-X').replace(/"created":\d+/g, '"created":0');
const withoutCost = (text: string) =>
  text.replace(/,"cost":[\d.]+\},"cost":[\d.]+/g, '}').replace(/,"cost":[\d.]+/g, '');
const withoutIds = (text: string) => text.replace(/^id: \d+-\d+\n/gm, '');

const stream = { model: 'm', stream: true, stream_options: { include_usage: true } };
const PROMPTS = [
  ['plain text', 'Tell me about the sea.'],
  ['comment lines, CR LF and bytes in small pieces', '[[sim fault=comments,crlf,dribble:5]] é 😀 漢'],
  ['reasoning', '[[sim reasoning=5 thoughts=shown]]'],
] as const;

describe.each(PROMPTS)('a stream with %s', (_name, content) => {
  const body = { ...stream, messages: [{ role: 'user', content }] };

  test('equals the provider’s bytes except for the cost', async () => {
    const direct = await post(simulator.url, body);
    const relayed = await post(plain.url, body);
    expect(withoutCost(relayed)).not.toBe(relayed);
    // A provider's comments are not passed on: openai 3.3.1 for Python raises at one that follows an event with an id.
    const expected = anonymous(direct).replace(/^:[^\n]*\r?\n\r?\n/gm, '');
    expect(anonymous(withoutCost(relayed)).trimEnd()).toBe(expected.trimEnd());
  });

  test('with ids differs only by the ids, which count every event', async () => {
    const relayed = await post(plain.url, body);
    const resumable = await post(numbered.url, body);
    expect(anonymous(withoutIds(resumable))).toBe(anonymous(relayed));
    const ids = [...resumable.matchAll(/^id: 1-(\d+)$/gm)].map((match) => Number(match[1]));
    expect(ids).toEqual(ids.map((_, index) => index + 1));
    expect(ids.length).toBeGreaterThan(30);
  });
});

test('a client that did not ask for usage gets the same events without it', async () => {
  const messages = [{ role: 'user', content: 'Tell me about the sea.' }];
  const direct = await post(simulator.url, { model: 'm', stream: true, messages });
  expect(anonymous(await post(plain.url, { model: 'm', stream: true, messages }))).toBe(anonymous(direct));
});

test('an unstreamed answer equals the provider’s except for the cost', async () => {
  const body = { model: 'm', messages: [{ role: 'user', content: 'Tell me about the sea.' }] };
  const [direct, relayed] = [await post(simulator.url, body), await post(plain.url, body)];
  expect(anonymous(withoutCost(relayed))).toBe(anonymous(direct));
});
