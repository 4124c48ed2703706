// The rules of Gemini's protocol, streamed and not (docs/reference/gemini-generate-content.md sections 1 to 7).
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Simulator, startSimulator } from '../../src/simulator.ts';
import { ask } from './client.ts';
import {
  askContents,
  content,
  contentsRequest,
  type Delivery,
  PLAIN_MODEL,
  partsOf,
  type Response,
  type ResponsePart,
  responsesOf,
  textOfResponses,
} from './contents.ts';

let simulator: Simulator;

beforeAll(async () => {
  simulator = await startSimulator({ tokens: 12 });
});
beforeEach(() => simulator.bill.clear());
afterAll(() => simulator.close());

const SIGNING_MODEL = 'gemini-3-flash-preview';

const city = { type: 'OBJECT', properties: { city: { type: 'STRING' } }, required: ['city'] };
const weather = { name: 'get_weather', parameters: city };
const train = { name: 'find_train', parametersJsonSchema: { type: 'object', properties: {} } };
const tools = [{ functionDeclarations: [weather, train] }];

async function whole(text: string, more: object = {}, model = PLAIN_MODEL): Promise<Response> {
  const heard = await askContents(simulator, content(text, more), 'unary', model);
  expect(heard.status, heard.text).toBe(200);
  return JSON.parse(heard.text);
}

async function streamed(text: string, more: object = {}, delivery: Delivery = 'sse', model = PLAIN_MODEL) {
  const heard = await askContents(simulator, content(text, more), delivery, model);
  expect(heard.status, heard.text).toBe(200);
  return delivery === 'sse' ? responsesOf(heard.pieces) : (JSON.parse(heard.text) as Response[]);
}

const usageOf = (responses: readonly Response[]) => responses.at(-1)!.usageMetadata!;

describe('an answer that is not streamed', () => {
  test('has all members of a response', async () => {
    const answer = await whole('Hello.');
    expect(answer).toEqual({
      candidates: [
        { content: { parts: [{ text: expect.any(String) }], role: 'model' }, finishReason: 'STOP', index: 0 },
      ],
      usageMetadata: {
        promptTokenCount: 10,
        candidatesTokenCount: 12,
        totalTokenCount: 22,
        promptTokensDetails: [{ modality: 'TEXT', tokenCount: 10 }],
        serviceTier: 'standard',
      },
      modelVersion: PLAIN_MODEL,
      responseId: expect.stringMatching(/^[0-9a-f]{32}$/),
    });
    expect(simulator.bill.entries()[0]!.providerRequestId).toBe(`req_${answer.responseId}`);
  });

  test('has no rate-limit headers', async () => {
    const { headers } = await askContents(simulator, content('Hello.'));
    expect(headers['content-type']).toBe('application/json; charset=UTF-8');
    expect(Object.keys(headers).join()).not.toMatch(/ratelimit|request-id/);
  });

  test('calls functions with an object, and ends with STOP', async () => {
    const { candidates } = await whole('weather train', { tools });
    expect(candidates![0]).toMatchObject({
      finishReason: 'STOP',
      content: {
        parts: [
          { functionCall: { name: 'get_weather', args: { city: expect.any(String) } } },
          { functionCall: { name: 'find_train', args: {} } },
        ],
      },
    });
  });

  test('that consists of thoughts only has no parts', async () => {
    const more = { generationConfig: { maxOutputTokens: 4 } };
    const { candidates, usageMetadata } = await whole('[[sim reasoning=9]]', more);
    expect(candidates).toEqual([{ content: { role: 'model' }, finishReason: 'MAX_TOKENS', index: 0 }]);
    expect(usageMetadata).toMatchObject({ thoughtsTokenCount: 4, totalTokenCount: 17 });
    expect(usageMetadata).not.toHaveProperty('candidatesTokenCount');
  });
});

describe('a stream', () => {
  test('as events has only data lines, no end marker, and CR LF line ends', async () => {
    const { text, headers } = await askContents(simulator, content('Hello.'), 'sse');
    expect(headers['content-type']).toBe('text/event-stream');
    expect(text).toMatch(/^(data: \{[^\r\n]*\}\r\n\r\n)+$/);
  });

  test('as an array arrives element by element', async () => {
    const { pieces, headers, text } = await askContents(simulator, content('[[sim pace=1]]'), 'array');
    expect(headers['content-type']).toBe('application/json; charset=UTF-8');
    expect(pieces.length).toBeGreaterThan(1);
    expect(JSON.parse(text)).toHaveLength(13);
  });

  test.each(['sse', 'array'] as const)('(%s) is the same answer', async (delivery) => {
    const { candidates } = await whole('Hello.');
    const responses = await streamed('Hello.', {}, delivery);
    expect(textOfResponses(responses)).toBe(candidates![0]!.content!.parts![0]!.text);
  });

  test('sums up usage, with thoughts separately', async () => {
    const responses = await streamed(
      '[[sim reasoning=3]]',
      { generationConfig: { thinkingConfig: { includeThoughts: true } } },
      'sse',
      SIGNING_MODEL,
    );
    const counts = responses.map(({ usageMetadata: usage }) => [
      usage!.thoughtsTokenCount,
      usage!.candidatesTokenCount,
    ]);
    expect(counts.slice(0, 5)).toEqual([
      [1, undefined],
      [2, undefined],
      [3, undefined],
      [3, 1],
      [3, 2],
    ]);
    expect(usageOf(responses)).toMatchObject({ thoughtsTokenCount: 3, candidatesTokenCount: 12, totalTokenCount: 28 });
    expect(simulator.bill.totals()).toMatchObject({ inputTokens: 13, outputTokens: 15, reasoningTokens: 3 });
  });

  test('has each function call complete in one chunk', async () => {
    const calls = partsOf(await streamed('weather train', { tools })).filter(({ functionCall }) => functionCall);
    expect(calls.map(({ functionCall }) => functionCall!.name)).toEqual(['get_weather', 'find_train']);
    expect(calls[0]!.functionCall!.args).toEqual({ city: expect.any(String) });
  });

  test('has the finish reason only in its last chunk, for every candidate', async () => {
    const responses = await streamed('Hello.', { generationConfig: { candidateCount: 2 } });
    const finishes = responses.map(({ candidates }) => candidates![0]!.finishReason);
    expect(finishes.filter((reason) => reason === 'STOP')).toHaveLength(2);
    expect(finishes.slice(-2)).toEqual(['STOP', 'STOP']);
    expect(textOfResponses(responses, 0)).not.toBe(textOfResponses(responses, 1));
    expect(usageOf(responses).candidatesTokenCount).toBe(24);
  });
});

describe('thoughts', () => {
  const thinking = (thinkingConfig: object) => ({ generationConfig: { thinkingConfig } });

  test('are parts of the answer if requested', async () => {
    const parts = partsOf([await whole('[[sim reasoning=3]]', thinking({ includeThoughts: true }), SIGNING_MODEL)]);
    expect(parts).toMatchObject([
      { thought: true, text: expect.stringMatching(/^.{12}$/) },
      { text: expect.any(String) },
    ]);
  });

  test('exist in models that always think, and cost', async () => {
    const { usageMetadata } = await whole('Hello.', {}, 'gemini-2.5-flash');
    expect(usageMetadata!.thoughtsTokenCount).toBe(16);
    expect(simulator.bill.totals().reasoningTokens).toBe(16);
  });

  test('depend on the budget, the level or the command', async () => {
    const countOf = async (text: string, config: object, model: string) =>
      (await whole(text, thinking(config), model)).usageMetadata!.thoughtsTokenCount ?? 0;
    expect(await countOf('Hello.', { thinkingBudget: 0 }, 'gemini-2.5-flash')).toBe(0);
    expect(await countOf('Hello.', { thinkingBudget: 5 }, 'gemini-2.5-flash')).toBe(5);
    expect(await countOf('Hello.', { thinkingLevel: 'low' }, SIGNING_MODEL)).toBe(4);
    expect(await countOf('[[sim reasoning=0]]', { thinkingLevel: 'HIGH' }, SIGNING_MODEL)).toBe(0);
  });
});

describe('a signature', () => {
  async function call(text = 'weather', other = simulator): Promise<ResponsePart[]> {
    const heard = await askContents(other, content(text, { tools }), 'sse', SIGNING_MODEL);
    return partsOf(responsesOf(heard.pieces)).filter(({ functionCall }) => functionCall);
  }

  const answerTo = (parts: readonly ResponsePart[]) => ({
    tools,
    contents: [
      { role: 'user', parts: [{ text: 'weather' }] },
      { role: 'model', parts },
      {
        role: 'user',
        parts: parts.map(({ functionCall }) => ({
          functionResponse: { name: functionCall!.name, response: { output: 'sunny' } },
        })),
      },
    ],
  });

  async function outcome(body: object, model = SIGNING_MODEL): Promise<string> {
    const { status, text } = await askContents(simulator, body, 'unary', model);
    return status === 200 ? JSON.parse(text).candidates[0].finishReason : JSON.parse(text).error.message;
  }

  test('is on the first of several calls, and is accepted back', async () => {
    const parts = await call('weather train');
    expect(
      parts.map(({ thoughtSignature, functionCall }) => [thoughtSignature !== undefined, functionCall!.id]),
    ).toEqual([
      [true, expect.stringMatching(/^call_/)],
      [false, expect.stringMatching(/^call_/)],
    ]);
    expect(await outcome(answerTo(parts))).toBe('STOP');
  });

  test('may be written in snake_case', async () => {
    const [{ functionCall, thoughtSignature } = {}] = await call();
    const part = { function_call: functionCall, thought_signature: thoughtSignature } as ResponsePart;
    const body = answerTo([{ functionCall: functionCall! }]);
    body.contents[1]!.parts = [part];
    expect(await outcome(body)).toBe('STOP');
  });

  test('is required', async () => {
    const [{ functionCall } = {}] = await call();
    expect(await outcome(answerTo([{ functionCall: functionCall! }]))).toMatch(
      /^Function call is missing a thought_signature in functionCall parts\..* `default_api:get_weather` , position 2\./,
    );
    expect(await outcome(answerTo([{ functionCall: functionCall! }]), 'gemini-2.5-flash')).toBe('STOP');
  });

  test('from another provider, model or call is refused', async () => {
    const refused = expect.stringContaining(
      'the thought_signature of contents[1].parts[0] was not issued for this part',
    );
    const other = await startSimulator({ name: 'other' });
    expect(await outcome(answerTo(await call('weather', other)))).toEqual(refused);
    await other.close();
    const parts = await call();
    expect(await outcome(answerTo(parts), 'gemini-4-pro')).toEqual(refused);
    const moved = { ...parts[0]!, functionCall: { name: 'find_train', args: {} } };
    expect(await outcome(answerTo([moved]))).toEqual(refused);
    const altered = { ...parts[0]!, thoughtSignature: Buffer.from('made up').toString('base64') };
    expect(await outcome(answerTo([altered]))).toEqual(refused);
  });

  test('can be replaced by the value that skips the check', async () => {
    const [{ functionCall } = {}] = await call();
    const part = { functionCall: functionCall!, thoughtSignature: 'skip_thought_signature_validator' };
    expect(await outcome(answerTo([part]))).toBe('STOP');
  });

  test('is also on the last text, and is accepted back there', async () => {
    const parts = partsOf(await streamed('Hello.', {}, 'sse', SIGNING_MODEL));
    expect(parts.at(-1)).toEqual({ text: '', thoughtSignature: expect.any(String) });
    const contents = [
      { role: 'user', parts: [{ text: 'Hello.' }] },
      { role: 'model', parts },
      { role: 'user', parts: [{ text: 'And now?' }] },
    ];
    expect(await outcome({ contents })).toBe('STOP');
  });
});

describe('what a request can ask for', () => {
  test('JSON answers, with either kind of schema, or one value of an enum', async () => {
    const answer = async (generationConfig: object) => partsOf([await whole('Hello.', { generationConfig })])[0]!.text!;
    const json = { responseMimeType: 'application/json' };
    expect(JSON.parse(await answer(json))).toEqual({ answer: expect.any(String) });
    expect(JSON.parse(await answer({ ...json, responseSchema: city }))).toEqual({ city: expect.any(String) });
    const schema = { type: 'object', properties: { done: { type: ['boolean', 'null'] } }, additionalProperties: false };
    expect(JSON.parse(await answer({ ...json, responseJsonSchema: schema }))).toEqual({ done: expect.any(Boolean) });
    const words = { responseMimeType: 'text/x.enum', responseSchema: { type: 'STRING', enum: ['red', 'blue'] } };
    expect(await answer(words)).toMatch(/^(red|blue)$/);
  });

  test('an end at a stop sequence', async () => {
    const more = { generationConfig: { stopSequences: ['two'] } };
    expect(await whole('Reply with exactly: one two three', more)).toMatchObject({
      candidates: [{ content: { parts: [{ text: 'one ' }] }, finishReason: 'STOP' }],
    });
  });

  test('forced functions, or none', async () => {
    const namesOf = async (functionCallingConfig: object) =>
      partsOf([await whole('weather', { tools, toolConfig: { functionCallingConfig } })]).map(
        (part) => part.functionCall?.name,
      );
    expect(await namesOf({ mode: 'ANY', allowedFunctionNames: ['find_train'] })).toEqual(['find_train']);
    expect(await namesOf({ mode: 'NONE' })).toEqual([undefined]);
    expect(await namesOf({ mode: 'VALIDATED' })).toEqual(['get_weather']);
  });

  test('everything in snake_case', async () => {
    const more = {
      system_instruction: { parts: { text: 'Be brief.' } },
      tools: [{ function_declarations: [weather] }],
      tool_config: { function_calling_config: { mode: 'any' } },
      generation_config: { max_output_tokens: 900, thinking_config: { include_thoughts: true } },
    };
    expect(partsOf([await whole('Hello.', more, SIGNING_MODEL)]).at(-1)).toMatchObject({
      functionCall: { name: 'get_weather' },
    });
  });

  test('cached content, which counts as part of the prompt', async () => {
    const { usageMetadata } = await whole('Hello.', { cachedContent: 'cachedContents/abc' });
    expect(usageMetadata).toMatchObject({ promptTokenCount: 1_034, cachedContentTokenCount: 1_024 });
    expect(simulator.bill.totals()).toMatchObject({ inputTokens: 1_034, cachedInputTokens: 1_024 });
  });
});

describe('images', () => {
  const wanted = (responseModalities: string[], imageConfig: object = {}) => ({
    generationConfig: { responseModalities, imageConfig },
  });

  function readPicture({ inlineData }: ResponsePart) {
    const file = Buffer.from(inlineData!.data, 'base64');
    expect(file.subarray(1, 4).toString()).toBe('PNG');
    return { width: file.readUInt32BE(16), height: file.readUInt32BE(20), text: file.toString('latin1') };
  }

  test('follow text, with the requested aspect ratio and size', async () => {
    const more = wanted(['TEXT', 'IMAGE'], { aspectRatio: '16:9', imageSize: '2K' });
    const { candidates, usageMetadata } = await whole('Paint.', more, 'gemini-3-pro-image');
    const [words, image] = candidates![0]!.content!.parts!;
    expect(words!.text).toHaveLength(48);
    const picture = readPicture(image!);
    expect(picture).toMatchObject({ width: 64, height: 36 });
    expect(picture.text).toContain('aspectRatio=16:9 imageSize=2K');
    expect(usageMetadata).toMatchObject({
      candidatesTokenCount: 12 + 1_680,
      candidatesTokensDetails: [{ modality: 'IMAGE', tokenCount: 1_680 }],
    });
    expect(simulator.bill.totals().outputTokens).toBe(12 + 1_680);
  });

  test('can be the only content, complete in one chunk of a stream', async () => {
    const responses = await streamed('Paint.', wanted(['IMAGE']), 'sse', 'gemini-2.5-flash-image');
    expect(partsOf(responses).filter(({ inlineData }) => inlineData)).toHaveLength(1);
    expect(textOfResponses(responses)).toBe('');
    expect(usageOf(responses).candidatesTokenCount).toBe(1_120);
  });
});

describe('tokens', () => {
  test('counted are those billed', async () => {
    const body = content('Hello.', { tools, systemInstruction: { parts: [{ text: 'Be brief.' }] } });
    const path = `/v1beta/models/${PLAIN_MODEL}:countTokens`;
    const request = { generateContentRequest: { model: `models/${PLAIN_MODEL}`, ...body } };
    const { usageMetadata } = JSON.parse((await askContents(simulator, body)).text) as Response;
    expect(JSON.parse((await ask(simulator, { path, body: request })).text)).toMatchObject({
      totalTokens: usageMetadata!.promptTokenCount,
    });
    expect(JSON.parse((await ask(simulator, { path, body: content('Hello.') })).text).totalTokens).toBe(10);
  });

  test('over the limit name the quota', async () => {
    const limited = await startSimulator({ tpm: 30 });
    await askContents(limited, content('[[sim tokens=5]]'));
    const { text } = await askContents(limited, content('[[sim tokens=5]]'));
    expect(JSON.parse(text).error.details[0].violations).toEqual([
      {
        quotaMetric: 'generativelanguage.googleapis.com/generate_content_input_token_count',
        quotaId: 'GenerateContentInputTokensPerModelPerMinute',
        quotaDimensions: { location: 'global', model: PLAIN_MODEL },
        quotaValue: '30',
      },
    ]);
    await limited.close();
  });
});

describe('keys', () => {
  test('can be in a header, in the query, or a bearer token', async () => {
    const locked = await startSimulator({ apiKey: 'right' });
    const outcome = async (headers: Record<string, string>, query = '') => {
      const wanted = contentsRequest(content('Hello.'));
      const { status, text } = await ask(locked, { ...wanted, path: wanted.path + query, headers });
      return status === 200 ? status : JSON.parse(text).error;
    };
    expect(await outcome({ 'x-goog-api-key': 'right' })).toBe(200);
    expect(await outcome({ authorization: 'Bearer right' })).toBe(200);
    expect(await outcome({}, '?key=right')).toBe(200);
    expect(await outcome({ 'x-goog-api-key': 'wrong' })).toMatchObject({
      code: 400,
      status: 'INVALID_ARGUMENT',
      message: 'API key not valid. Please pass a valid API key.',
      details: [{ reason: 'API_KEY_INVALID', domain: 'googleapis.com' }, {}],
    });
    expect(await outcome({})).toMatchObject({ code: 403, status: 'PERMISSION_DENIED' });
    await locked.close();
  });
});

describe('models', () => {
  test('can be listed and retrieved', async () => {
    const served = await startSimulator({ models: ['gemini-3-pro'] });
    const get = async (path: string) =>
      JSON.parse((await ask(served, { method: 'GET', path: `/v1beta/models${path}` })).text);
    expect(await get('')).toMatchObject({
      models: [{ name: 'models/gemini-3-pro', supportedGenerationMethods: expect.any(Array) }],
    });
    expect(await get('/gemini-3-pro')).toMatchObject({ name: 'models/gemini-3-pro' });
    expect(await get('/other')).toMatchObject({ error: { code: 404, status: 'NOT_FOUND' } });
    await served.close();
  });

  test('are in Google’s format under any version, for clients that send a key as its SDKs do', async () => {
    const { status } = await ask(simulator, { path: '/v1/models/any:generateContent', body: content('Hello.') });
    expect(status).toBe(200);
    const get = (headers: Record<string, string>) => ask(simulator, { method: 'GET', path: '/v1/models', headers });
    expect(JSON.parse((await get({ 'x-goog-api-key': 'k' })).text)).toHaveProperty('models');
    expect(JSON.parse((await get({})).text)).toHaveProperty('object', 'list');
  });

  test('have no other methods', async () => {
    const { status, text } = await ask(simulator, { path: '/v1beta/models/any:dream', body: {} });
    expect(status).toBe(404);
    expect(JSON.parse(text).error.status).toBe('NOT_FOUND');
  });
});
