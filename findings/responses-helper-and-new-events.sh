#!/bin/bash
# What      A Responses stream with an event of a type that the SDK does not know yet: the protocol grows, and other servers that
#           speak it send their own types.
# Versions  openai 7.55.0, ai 7.0.173 with @ai-sdk/openai 4.0.118 (npm); openai 3.57.0 (PyPI)
# Expected  It is passed on or skipped, as by raw streams in both languages, the Python helper and the AI SDK.
# Seen      2026-11-28: client.responses.stream() for JavaScript raises "Unhandled response stream event" and aborts the request,
#           so the rest of an answer that is being billed is lost. The type "keepalive" is the only exception.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.55.0 ai@7.0.173 @ai-sdk/openai@4.0.118
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const response = { id: 'r', object: 'response', created_at: 1, status: 'in_progress', model: 'm', output: [], tools: [], tool_choice: 'auto',
  parallel_tool_calls: true, error: null, incomplete_details: null, instructions: null, metadata: {}, temperature: 1, top_p: 1 };
const usage = { input_tokens: 1, input_tokens_details: { cached_tokens: 0 }, output_tokens: 1, output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 2 };
const server = http.createServer((request, answer) => {
  const events = [
    { type: 'response.created', response },
    { type: request.url.split('/')[1] },
    { type: 'response.completed', response: { ...response, status: 'completed', usage } },
  ];
  const lines = events.map((event, n) => `event: ${event.type}\ndata: ${JSON.stringify({ ...event, sequence_number: n })}\n\n`);
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(lines.join(''));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import { createOpenAI } from '@ai-sdk/openai'; import { streamText } from 'ai'; import OpenAI from 'openai';
const forms = {
  raw: async (client) => { for await (const _ of await client.responses.create({ model: 'm', input: 'h', stream: true })); return 'ends'; },
  helper: async (client) => (await client.responses.stream({ model: 'm', input: 'h' }).finalResponse()).status,
  'ai sdk': async ({ baseURL }) => streamText({ model: createOpenAI({ apiKey: 'k', baseURL }).responses('m'), prompt: 'h' }).finishReason,
};
for (const type of ['keepalive', 'response.progress.updated'])
  for (const [name, read] of Object.entries(forms)) {
    const seen = await read(new OpenAI({ apiKey: 'k', baseURL: `${process.env.URL}/${type}/v1` })).catch((error) => error.message);
    console.log(`${type} js ${name}: ${seen}`);
  }
E
cat > client.py <<'E'
import os, openai
for kind in ('keepalive', 'response.progress.updated'):
    with openai.OpenAI(api_key='k', base_url=f"{os.environ['URL']}/{kind}/v1").responses.stream(model='m', input='h') as stream:
        print(f'{kind} py helper: {stream.get_final_response().status}')
E
(node client.mjs; py/bin/python client.py) | tee seen
diff seen - <<'E' && echo 'unchanged'
keepalive js raw: ends
keepalive js helper: completed
keepalive js ai sdk: stop
response.progress.updated js raw: ends
response.progress.updated js helper: Unhandled response stream event: unknown
response.progress.updated js ai sdk: stop
keepalive py helper: completed
response.progress.updated py helper: completed
E
