// Providers cache the beginning of a prompt, byte for byte. When a conversation grows by a turn, its new bytes start with the
// old ones, for every client and provider: tools and system message unchanged, earlier turns in the same place.
import { describe, expect, test } from 'vitest';
import type { JsonObject } from '#src/protocols/codec.ts';
import { prepare } from './prepared-call.ts';
import { PROVIDER_NAMES, type ProviderName } from './protocols.ts';

const SYSTEM = 'Answer in one sentence.';
const PARAMETERS = {
  type: 'object',
  properties: { zone: { type: 'string' }, city: { type: 'string', description: 'Where' } },
  required: ['city'],
};
const ARGUMENTS = '{"zone":"CET","city":"Rome"}';
const ephemeral = { cache_control: { type: 'ephemeral' } };

/** The parts of a conversation, in one protocol. */
interface Dialect {
  /** A question, a call, its result, an answer; another question and so on. */
  rounds: ((round: number) => JsonObject[])[];
  body(turns: JsonObject[]): JsonObject;
}

const DIALECTS: Record<ProviderName, Dialect> = {
  'openai-chat': {
    rounds: [
      (n) => [{ role: 'user', content: [{ type: 'text', text: `Question ${n}`, ...ephemeral }] }],
      (n) => [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: `call_${n}`, type: 'function', function: { name: 'look.up', arguments: ARGUMENTS } }],
        },
        { role: 'tool', tool_call_id: `call_${n}`, content: 'Sunny' },
      ],
      () => [{ role: 'assistant', content: 'It is sunny.' }],
    ],
    body: (turns) => ({
      messages: [{ role: 'system', content: SYSTEM }, ...turns],
      tools: [{ type: 'function', function: { name: 'look.up', description: 'd', parameters: PARAMETERS } }],
    }),
  },
  'openai-responses': {
    rounds: [
      (n) => [{ role: 'user', content: `Question ${n}` }],
      (n) => [
        { type: 'function_call', call_id: `call_${n}`, name: 'look.up', arguments: ARGUMENTS },
        { type: 'function_call_output', call_id: `call_${n}`, output: 'Sunny' },
      ],
      () => [{ role: 'assistant', content: [{ type: 'output_text', text: 'It is sunny.', annotations: [] }] }],
    ],
    body: (turns) => ({
      instructions: SYSTEM,
      input: turns,
      tools: [{ type: 'function', name: 'look.up', description: 'd', parameters: PARAMETERS, strict: false }],
    }),
  },
  'anthropic-messages': {
    rounds: [
      (n) => [{ role: 'user', content: [{ type: 'text', text: `Question ${n}`, ...ephemeral }] }],
      (n) => [
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: `call_${n}`, name: 'look_up', input: JSON.parse(ARGUMENTS) }],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: `call_${n}`, content: 'Sunny' }] },
      ],
      () => [{ role: 'assistant', content: 'It is sunny.' }],
    ],
    body: (turns) => ({
      max_tokens: 99,
      system: [{ type: 'text', text: SYSTEM, ...ephemeral }],
      messages: turns,
      tools: [{ name: 'look_up', description: 'd', input_schema: PARAMETERS, ...ephemeral }],
    }),
  },
  'gemini-generate-content': {
    rounds: [
      (n) => [{ role: 'user', parts: [{ text: `Question ${n}` }] }],
      () => [
        { role: 'model', parts: [{ functionCall: { name: 'look_up', args: JSON.parse(ARGUMENTS) } }] },
        { role: 'user', parts: [{ functionResponse: { name: 'look_up', response: { output: 'Sunny' } } }] },
      ],
      () => [{ role: 'model', parts: [{ text: 'It is sunny.' }] }],
    ],
    body: (turns) => ({
      systemInstruction: { parts: [{ text: SYSTEM }] },
      contents: turns,
      tools: [{ functionDeclarations: [{ name: 'look_up', description: 'd', parametersJsonSchema: PARAMETERS }] }],
    }),
  },
};

const LISTS = ['messages', 'input', 'contents'];

/** Requests of a conversation as it grows: a request where it is the model's turn. */
function conversation({ rounds: [ask, call, answer], body }: Dialect): JsonObject[] {
  const turns: JsonObject[] = [];
  const requests: JsonObject[] = [];
  for (const round of [1, 2, 3, 4, 5, 6]) {
    turns.push(...ask!(round));
    requests.push({ model: 'm', ...body([...turns]) });
    turns.push(...call!(round));
    requests.push({ model: 'm', ...body([...turns]) });
    turns.push(...answer!(round));
  }
  return requests;
}

/** Marks show the end of a cached prefix; they are not part of it. */
function unmarked(value: unknown): string {
  return JSON.stringify(value, (key, inner) => (key === 'cache_control' ? undefined : inner));
}

describe.each(PROVIDER_NAMES)('a conversation of a client of %s', (client) => {
  test.each(PROVIDER_NAMES)('starts with the same bytes at every turn, to a provider of %s', (upstream) => {
    const sent = conversation(DIALECTS[client]).map((body) => {
      const text = prepare(client, upstream, JSON.stringify(body)).request.body.toString();
      return { text, body: JSON.parse(text) as JsonObject };
    });
    const list = LISTS.find((name) => sent[0]!.body[name] !== undefined)!;
    for (const [index, { body, text }] of sent.entries()) {
      const before = sent[index - 1];
      if (before === undefined) continue;
      const { [list]: turns, ...others } = body;
      const { [list]: turnsBefore, ...othersBefore } = before.body;
      expect(JSON.stringify(Object.entries(others))).toBe(JSON.stringify(Object.entries(othersBefore)));
      expect(Object.keys(body)).toEqual(Object.keys(before.body));
      expect(unmarked(turns).startsWith(unmarked(turnsBefore).slice(0, -1))).toBe(true);
      // As a provider reads it: everything before the turns, and then the turns.
      expect(text.indexOf(`"${list}"`)).toBe(before.text.indexOf(`"${list}"`));
    }
  });

  test.each(PROVIDER_NAMES)('has the same bytes when it is sent again, to a provider of %s', (upstream) => {
    for (const body of conversation(DIALECTS[client])) {
      const bytes = () => prepare(client, upstream, JSON.stringify(body)).request.body.toString();
      expect(bytes()).toBe(bytes());
    }
  });
});

describe('marks', () => {
  const marksIn = (upstream: ProviderName, client: ProviderName) =>
    conversation(DIALECTS[client]).map(
      (body) =>
        prepare(client, upstream, JSON.stringify(body)).request.body.toString().split('"cache_control"').length - 1,
    );

  test('of other clients reach Anthropic, at most four of them', () => {
    expect(marksIn('anthropic-messages', 'openai-chat')).toEqual([1, 1, 2, 2, 3, 3, 4, 4, 4, 4, 4, 4]);
  });

  test('are named as dropped if the provider has none', () => {
    const [body] = conversation(DIALECTS['anthropic-messages']);
    for (const upstream of ['openai-chat', 'openai-responses', 'gemini-generate-content'] as const) {
      expect(prepare('anthropic-messages', upstream, JSON.stringify(body)).dropped).toContain('cache_control');
    }
  });
});

describe('a cache key', () => {
  const OPENAI = ['openai-chat', 'openai-responses'] as const;
  const sent = (client: ProviderName, upstream: ProviderName) => {
    const [body] = conversation(DIALECTS[client]);
    const call = prepare(client, upstream, JSON.stringify({ ...body, prompt_cache_key: 'session-1' }));
    const { prompt_cache_key: key } = JSON.parse(call.request.body.toString()) as JsonObject;
    return { key, isNamed: call.dropped.includes('prompt_cache_key') };
  };

  test.each(OPENAI.flatMap((client) => PROVIDER_NAMES.map((upstream) => [client, upstream] as const)))(
    'of a client of %s reaches a provider of %s, or is named as dropped',
    (client, upstream) => {
      const isTaken = (OPENAI as readonly ProviderName[]).includes(upstream);
      expect(sent(client, upstream)).toEqual({ key: isTaken ? 'session-1' : undefined, isNamed: !isTaken });
    },
  );
});
