// A script works the same in every protocol, streamed and not, and determines the whole answer.
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI, type Part } from '@google/genai';
import OpenAI from 'openai';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask, chat } from './client.ts';
import { askContents, content, type Response } from './contents.ts';

const ARGUMENTS = { path: 'grüße.txt', lines: [1, 2] };
const SCRIPT = {
  name: 'session',
  turns: [
    { thoughts: 'Look first.', text: 'I read.', calls: [{ tool: 'read', arguments: ARGUMENTS }] },
    { text: 'Done.' },
  ],
};
const SCHEMA = { type: 'object', properties: { path: { type: 'string' } } };
const PROMPT = 'Please read the file. [[sim tool=read]]';
let simulator: Simulator;

beforeEach(async () => {
  simulator = await startSimulator({ scripts: [SCRIPT] });
});
afterEach(() => simulator.close());

interface Said {
  text: string;
  call?: { name: string; input: unknown };
}
type Session = (isStream: boolean) => Promise<Said[]>;

const FIRST = { text: 'I read.', call: { name: 'read', input: ARGUMENTS } };
const SECOND = { text: 'Done.' };

const SESSIONS: Record<string, Session> = {
  async 'openai-chat'(isStream) {
    const client = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'k', maxRetries: 0 });
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: PROMPT }];
    const tools = [{ type: 'function' as const, function: { name: 'read', parameters: SCHEMA } }];
    const turn = async (): Promise<Said> => {
      const body = { model: 'any', messages, tools };
      const { choices } = isStream
        ? await client.chat.completions.stream(body).finalChatCompletion()
        : await client.chat.completions.create(body);
      const { message } = choices[0]!;
      messages.push(message);
      const [call] = message.tool_calls ?? [];
      if (call?.type !== 'function') return { text: message.content ?? '' };
      messages.push({ role: 'tool', tool_call_id: call.id, content: 'Hello' });
      const input = JSON.parse(call.function.arguments);
      return { text: message.content ?? '', call: { name: call.function.name, input } };
    };
    return [await turn(), await turn()];
  },
  async 'openai-responses'(isStream) {
    const client = new OpenAI({ baseURL: `${simulator.url}/v1`, apiKey: 'k', maxRetries: 0 });
    const input: OpenAI.Responses.ResponseInputItem[] = [{ role: 'user', content: PROMPT }];
    const tools = [{ type: 'function' as const, name: 'read', parameters: SCHEMA, strict: false }];
    const turn = async (): Promise<Said> => {
      const body = { model: 'any', input, tools, store: false };
      const response = isStream
        ? await client.responses.stream(body).finalResponse()
        : await client.responses.create(body);
      input.push(...(response.output as OpenAI.Responses.ResponseInputItem[]));
      const [call] = response.output.flatMap((item) => (item.type === 'function_call' ? [item] : []));
      if (call === undefined) return { text: response.output_text };
      input.push({ type: 'function_call_output', call_id: call.call_id, output: 'Hello' });
      return { text: response.output_text, call: { name: call.name, input: JSON.parse(call.arguments) } };
    };
    return [await turn(), await turn()];
  },
  async 'anthropic-messages'(isStream) {
    const client = new Anthropic({ baseURL: simulator.url, apiKey: 'k', maxRetries: 0 });
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: PROMPT }];
    const tools = [{ name: 'read', input_schema: { ...SCHEMA, type: 'object' as const } }];
    const turn = async (): Promise<Said> => {
      const body = { model: 'claude-sonnet-4-5', max_tokens: 1_000, messages, tools };
      const message = isStream ? await client.messages.stream(body).finalMessage() : await client.messages.create(body);
      messages.push({ role: 'assistant', content: message.content as Anthropic.ContentBlockParam[] });
      const text = message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
      const call = message.content.find((block) => block.type === 'tool_use');
      if (call === undefined) return { text };
      const reminder = { type: 'text' as const, text: '<reminder>You may edit.</reminder>' };
      messages.push({
        role: 'user',
        content: [{ type: 'tool_result', tool_use_id: call.id, content: 'Hello' }, reminder],
      });
      return { text, call: { name: call.name, input: call.input } };
    };
    return [await turn(), await turn()];
  },
  async 'gemini-generate-content'(isStream) {
    const client = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: simulator.url } });
    const config = { tools: [{ functionDeclarations: [{ name: 'read', parametersJsonSchema: SCHEMA }] }] };
    const contents: object[] = [{ role: 'user', parts: [{ text: PROMPT }] }];
    const turn = async (): Promise<Said> => {
      const body = { model: 'gemini-3-pro', contents: contents as never, config };
      const responses = isStream
        ? await client.models.generateContentStream(body)
        : [await client.models.generateContent(body)];
      const parts: Part[] = [];
      for await (const { candidates } of responses) parts.push(...(candidates?.[0]?.content?.parts ?? []));
      contents.push({ role: 'model', parts });
      const text = parts.map((part) => (part.thought ? '' : (part.text ?? ''))).join('');
      const call = parts.find(({ functionCall }) => functionCall !== undefined)?.functionCall;
      if (call === undefined) return { text };
      const functionResponse = { id: call.id, name: call.name, response: { output: 'Hello' } };
      contents.push({ role: 'user', parts: [{ functionResponse }] });
      return { text, call: { name: call.name!, input: call.args } };
    };
    return [await turn(), await turn()];
  },
};

describe.each(Object.keys(SESSIONS))('a session over %s', (protocol) => {
  test.each([true, false])('follows the script and calls nothing else; streamed: %s', async (isStream) => {
    expect(await SESSIONS[protocol]!(isStream)).toEqual([FIRST, SECOND]);
    expect(simulator.scripts.list()[0]!.turns.map(({ said }) => said)).toEqual([1, 1]);
  });
});

test('thoughts are shown, and text comes before calls', async () => {
  const { text } = await ask(simulator, {
    body: chat('Go.', { tools: [{ type: 'function', function: { name: 'read' } }] }),
  });
  expect(JSON.parse(text).choices[0]).toMatchObject({
    message: { reasoning_content: 'Look first.', content: 'I read.', tool_calls: [{ function: { name: 'read' } }] },
    finish_reason: 'tool_calls',
  });
});

test('a request outside the session calls nothing, even if its text names a tool', async () => {
  const tools = [{ type: 'function', function: { name: 'delete_all' } }];
  const { text } = await ask(simulator, { body: chat('delete_all, please', { tools }) });
  expect(JSON.parse(text).choices[0].message).not.toHaveProperty('tool_calls');
  expect(simulator.scripts.list()[0]).toMatchObject({ aside: 1, lastAside: expect.stringContaining('delete_all') });
});

test('a forced tool that the script does not call is a 400', async () => {
  const tools = [{ type: 'function', function: { name: 'delete_all' } }];
  const { status, text } = await ask(simulator, { body: chat('Go.', { tools, tool_choice: 'required' }) });
  expect(status).toBe(400);
  expect(text).toContain('Simulator script: a tool is forced, but turn 1 of \\"session\\" calls \\"read\\"');
});

test('scripts can be added, counted and removed over the control API; errors are explained', async () => {
  const control = async (method: string, body?: unknown) => {
    const { status, text } = await ask(simulator, { method, path: '/sim/scripts', body });
    return { status, value: JSON.parse(text) };
  };
  const greeting = { name: 'greet', turns: [{ text: 'Hi.' }] };
  expect(await control('PUT', [greeting])).toMatchObject({ status: 200, value: [{ name: 'greet' }] });
  const { text } = await ask(simulator, { body: chat('Hello. [[sim script=greet]]') });
  expect(JSON.parse(text).choices[0].message.content).toBe('Hi.');
  expect((await control('GET')).value).toMatchObject([{ turns: [{ calls: [], said: 1 }] }]);
  expect((await control('PUT', [{ name: 'x', turns: [] }])).status).toBe(400);
  expect((await ask(simulator, { body: chat('[[sim script=nope]]') })).text).toContain('there is no script');
  expect((await control('DELETE')).value).toEqual([]);
});

test('a tool in a group is called with its group', async () => {
  simulator.scripts.replace([{ name: 'grouped', turns: [{ calls: [{ tool: 'files.read', arguments: { a: 1 } }] }] }]);
  const group = { type: 'namespace', name: 'files', tools: [{ type: 'function', name: 'read', parameters: SCHEMA }] };
  const { text } = await ask(simulator, {
    path: '/v1/responses',
    body: { model: 'any', input: 'Go.', tools: [group] },
  });
  expect(JSON.parse(text).output).toMatchObject([{ type: 'function_call', namespace: 'files', name: 'read' }]);
});

test('a prompt that Google’s filter blocks is counted and billed', async () => {
  const { text } = await askContents(simulator, content('[[sim fault=content_filter]]'));
  const { usageMetadata } = JSON.parse(text) as Response;
  expect(usageMetadata!.promptTokenCount).toBeGreaterThan(0);
  expect(simulator.bill.entries()).toMatchObject([
    { usage: { inputTokens: usageMetadata!.promptTokenCount, outputTokens: 0 } },
  ]);
});
