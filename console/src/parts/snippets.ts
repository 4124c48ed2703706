// Code for a request in curl, Python and JavaScript, for each protocol.

export const PROTOCOLS = [
  ['openai-chat', 'Chat Completions'],
  ['openai-responses', 'Responses'],
  ['anthropic-messages', 'Messages'],
  ['gemini-generate-content', 'Gemini'],
] as const;
export type Protocol = (typeof PROTOCOLS)[number][0];

/** Path below the base URL. */
export function pathOf(protocol: string, model: string, isStream = false): string {
  switch (protocol) {
    case 'openai-responses':
      return '/v1/responses';
    case 'openai-embeddings':
      return '/v1/embeddings';
    case 'openai-completions':
      return '/v1/completions';
    case 'anthropic-messages':
      return '/v1/messages';
    case 'gemini-generate-content':
      return `/v1beta/models/${encodeURIComponent(model)}:${isStream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
    default:
      return '/v1/chat/completions';
  }
}

export function bodyOf(protocol: string, model: string, prompt: string): Record<string, unknown> {
  switch (protocol) {
    case 'openai-responses':
    case 'openai-embeddings':
      return { model, input: prompt };
    case 'openai-completions':
      return { model, prompt };
    case 'anthropic-messages':
      return { model, max_tokens: 1_024, messages: [{ role: 'user', content: prompt }] };
    case 'gemini-generate-content':
      return { contents: [{ role: 'user', parts: [{ text: prompt }] }] };
    default:
      return { model, messages: [{ role: 'user', content: prompt }] };
  }
}

/** With a separate admin listener, clients use another address. */
const BASE = '$SLUICE_URL';

export function curlOf(
  protocol: string,
  model: string,
  body: unknown = bodyOf(protocol, model, 'Say hello.'),
  isStream = false,
): string {
  const json = JSON.stringify(body).replaceAll("'", "'\\''");
  const buffered = isStream ? ' -N' : '';
  return [
    `curl${buffered} "${BASE}${pathOf(protocol, model, isStream)}" \\`,
    '  -H "Authorization: Bearer $SLUICE_API_KEY" \\',
    "  -H 'Content-Type: application/json' \\",
    `  -d '${json}'`,
  ].join('\n');
}

export function pythonOf(protocol: string, model: string, body: Record<string, unknown>, isStream: boolean): string {
  const values = Object.entries(body)
    .filter(([name]) => name !== 'stream')
    .map(([name, value]) => `    ${name}=${python(value)},`);
  if (isStream && protocol !== 'gemini-generate-content') values.push('    stream=True,');
  const key = 'os.environ["SLUICE_API_KEY"]';
  const base = 'os.environ["SLUICE_URL"]';
  if (protocol === 'anthropic-messages')
    return [
      'import os',
      'from anthropic import Anthropic',
      '',
      `client = Anthropic(base_url=${base}, api_key=${key})`,
      'answer = client.messages.create(',
      ...values,
      ')',
      'print(answer)',
    ].join('\n');
  if (protocol === 'gemini-generate-content') {
    const method = isStream ? 'generate_content_stream' : 'generate_content';
    return [
      'import os',
      'from google import genai',
      '',
      `client = genai.Client(api_key=${key}, http_options={"base_url": ${base}})`,
      `answer = client.models.${method}(model=${python(model)}, contents=${python(body.contents)})`,
      'print(answer)',
    ].join('\n');
  }
  const method = protocol === 'openai-responses' ? 'responses.create' : 'chat.completions.create';
  return [
    'import os',
    'from openai import OpenAI',
    '',
    `client = OpenAI(base_url=${base} + "/v1", api_key=${key})`,
    `answer = client.${method}(`,
    ...values,
    ')',
    'print(answer)',
  ].join('\n');
}

function python(value: unknown): string {
  if (value === null) return 'None';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  if (Array.isArray(value)) return `[${value.map(python).join(', ')}]`;
  if (typeof value === 'object') {
    return `{${Object.entries(value as object)
      .map(([name, inner]) => `${JSON.stringify(name)}: ${python(inner)}`)
      .join(', ')}}`;
  }
  return JSON.stringify(value);
}

export function javascriptOf(
  protocol: string,
  model: string,
  body: Record<string, unknown>,
  isStream: boolean,
): string {
  const json = JSON.stringify(
    isStream && protocol !== 'gemini-generate-content' ? { ...body, stream: true } : body,
    null,
    2,
  );
  const key = 'process.env.SLUICE_API_KEY';
  const base = 'process.env.SLUICE_URL';
  if (protocol === 'anthropic-messages')
    return `import Anthropic from '@anthropic-ai/sdk';\n\nconst client = new Anthropic({ baseURL: ${base}, apiKey: ${key} });\nconst answer = await client.messages.create(${json});\nconsole.log(answer);`;
  if (protocol === 'gemini-generate-content') {
    const method = isStream ? 'generateContentStream' : 'generateContent';
    return `import { GoogleGenAI } from '@google/genai';\n\nconst client = new GoogleGenAI({ apiKey: ${key}, httpOptions: { baseUrl: ${base} } });\nconst answer = await client.models.${method}({ model: ${JSON.stringify(model)}, contents: ${JSON.stringify(body.contents)} });\nconsole.log(answer);`;
  }
  const method = protocol === 'openai-responses' ? 'responses.create' : 'chat.completions.create';
  return `import OpenAI from 'openai';\n\nconst client = new OpenAI({ baseURL: ${base} + '/v1', apiKey: ${key} });\nconst answer = await client.${method}(${json});\nconsole.log(answer);`;
}
