#!/bin/bash
# What      A stream whose connection is closed cleanly before its end: no finish_reason and no [DONE], no message_stop, no
#           response.completed, no finishReason. Each official SDK reads it raw and, if it has one, through its helper for the
#           final message.
# Versions  openai 7.55.0, @anthropic-ai/sdk 1.11.0, @google/genai 3.1.0 (npm);
#           openai 3.57.0, anthropic 2.14.0, google-genai 3.6.1 (PyPI)
# Expected  An error, at the latest from the helper that promises a final message; the same one in both languages.
# Seen      2026-11-28: no raw stream notices. Of the helpers, chat raises in JavaScript and returns an answer in Python,
#           Responses returns "in_progress" in JavaScript and raises in Python, Messages raises in JavaScript and returns an
#           answer in Python.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.55.0 @anthropic-ai/sdk@1.11.0 @google/genai@3.1.0
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 anthropic==2.14.0 google-genai==3.6.1
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const response = { id: 'r', object: 'response', created_at: 1, status: 'in_progress', model: 'm', output: [], tools: [] };
const halves = {
  chat: [`data: ${JSON.stringify({ ...chunk, choices: [{ index: 0, delta: { role: 'assistant', content: 'Hel' } }] })}\n\n`],
  messages: [
    { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [],
      stop_reason: null, stop_sequence: null, usage: { input_tokens: 5, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
  ].map(event),
  responses: [event({ type: 'response.created', sequence_number: 0, response })],
  gemini: [`data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'Hel' }] } }] })}\n\n`],
};
const server = http.createServer((request, answer) => {
  const kind = /chat|messages|responses/.exec(request.url)?.[0] ?? 'gemini';
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(halves[kind].join(''));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import Anthropic from '@anthropic-ai/sdk'; import { GoogleGenAI } from '@google/genai'; import OpenAI from 'openai';
const url = process.env.URL, apiKey = 'k', messages = [{ role: 'user', content: 'h' }];
const openai = new OpenAI({ apiKey, baseURL: `${url}/v1` }), anthropic = new Anthropic({ apiKey, baseURL: url });
const google = new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } }), max_tokens = 9, model = 'm';
const raw = async (stream) => { for await (const _ of await stream); return 'ends'; };
const show = (name, run) => run().then((seen) => seen, () => 'raises').then((seen) => console.log(`js ${name}: ${seen}`));
await show('chat raw', () => raw(openai.chat.completions.create({ model, messages, stream: true })));
await show('chat helper', async () => (await openai.chat.completions.stream({ model, messages }).finalChatCompletion()).choices[0].finish_reason);
await show('responses raw', () => raw(openai.responses.create({ model, input: 'h', stream: true })));
await show('responses helper', async () => (await openai.responses.stream({ model, input: 'h' }).finalResponse()).status);
await show('messages raw', () => raw(anthropic.messages.create({ model, max_tokens, messages, stream: true })));
await show('messages helper', async () => (await anthropic.messages.stream({ model, max_tokens, messages }).finalMessage()).stop_reason);
await show('gemini raw', () => raw(google.models.generateContentStream({ model, contents: 'h' })));
E
cat > client.py <<'E'
import os, anthropic, openai; from google import genai
url, messages = os.environ['URL'], [{'role': 'user', 'content': 'h'}]
o, a = openai.OpenAI(api_key='k', base_url=url + '/v1'), anthropic.Anthropic(api_key='k', base_url=url)
g = genai.Client(api_key='k', http_options={'base_url': url})
def show(name, run):
    try: seen = run()
    except Exception: seen = 'raises'
    print(f'py {name}: {seen}')
def raw(stream): return list(stream) and 'ends'
def helper(manager, read):
    with manager as stream: return read(stream)
show('chat raw', lambda: raw(o.chat.completions.create(model='m', messages=messages, stream=True)))
show('chat helper', lambda: helper(o.chat.completions.stream(model='m', messages=messages), lambda s: s.get_final_completion().choices[0].finish_reason))
show('responses raw', lambda: raw(o.responses.create(model='m', input='h', stream=True)))
show('responses helper', lambda: helper(o.responses.stream(model='m', input='h'), lambda s: s.get_final_response().status))
show('messages raw', lambda: raw(a.messages.create(model='m', max_tokens=9, messages=messages, stream=True)))
show('messages helper', lambda: helper(a.messages.stream(model='m', max_tokens=9, messages=messages), lambda s: s.get_final_message().stop_reason))
show('gemini raw', lambda: raw(g.models.generate_content_stream(model='m', contents='h')))
E
(node client.mjs; py/bin/python client.py) | tee seen
diff seen - <<'E' && echo 'unchanged'
js chat raw: ends
js chat helper: raises
js responses raw: ends
js responses helper: in_progress
js messages raw: ends
js messages helper: raises
js gemini raw: ends
py chat raw: ends
py chat helper: None
py responses raw: ends
py responses helper: raises
py messages raw: ends
py messages helper: None
py gemini raw: ends
E
