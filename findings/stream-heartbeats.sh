#!/bin/bash
# What      Which keep-alive a server may send in an idle stream to six official SDKs: a comment, an empty `data:`, an event named
#           ping, an empty line.
# Versions  openai 7.55.0, @anthropic-ai/sdk 1.11.0, @google/genai 3.1.0 (npm);
#           openai 3.57.0, anthropic 2.14.0, google-genai 3.6.1 (PyPI)
# Expected  All of them ignore a comment, as the format of server-sent events requires, so that one keep-alive works for all.
# Seen      2026-11-28: google-genai for Python raises at any line that is neither empty nor starts with "data: "; both openai
#           SDKs and both of Google's raise at an empty `data:`; both openai SDKs pass an event named ping to the caller as a
#           chunk without choices. Only an empty line between events works everywhere.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.55.0 @anthropic-ai/sdk@1.11.0 @google/genai@3.1.0
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 anthropic==2.14.0 google-genai==3.6.1
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const beats = { comment: ': waiting\n\n', data: 'data:\n\n', ping: 'event: ping\ndata: {"type":"ping"}\n\n', line: '\n' };
const chunk = (delta, finish_reason = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const streams = {
  chat: [chunk({ role: 'assistant', content: 'Hi' }), chunk({}, 'stop'), 'data: [DONE]\n\n'],
  messages: [
    { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [],
      stop_reason: null, stop_sequence: null, usage: { input_tokens: 5, output_tokens: 1 } } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 2 } },
    { type: 'message_stop' },
  ].map(event),
  gemini: [`data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text: 'Hi' }] }, finishReason: 'STOP' }] })}\n\n`],
};
const server = http.createServer((request, answer) => {
  const kind = /chat|messages/.exec(request.url)?.[0] ?? 'gemini';
  const body = streams[kind].map((part) => beats[request.url.split('/')[1]] + part).join('');
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(body);
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import Anthropic from '@anthropic-ai/sdk'; import { GoogleGenAI } from '@google/genai'; import OpenAI from 'openai';
const apiKey = 'k', model = 'm', max_tokens = 9, messages = [{ role: 'user', content: 'h' }], stream = true, logLevel = 'off';
const clients = {
  openai: (url) => new OpenAI({ apiKey, logLevel, baseURL: `${url}/v1` }).chat.completions.create({ model, messages, stream }),
  anthropic: (url) => new Anthropic({ apiKey, logLevel, baseURL: url }).messages.create({ model, max_tokens, messages, stream }),
  google: (url) => new GoogleGenAI({ apiKey, httpOptions: { baseUrl: url } }).models.generateContentStream({ model, contents: 'h' }),
};
console.error = () => {};
for (const beat of ['comment', 'data', 'ping', 'line']) {
  const all = [];
  for (const [name, open] of Object.entries(clients)) {
    let seen = 'passes';
    try { for await (const part of await open(`${process.env.URL}/${beat}`)) if (name === 'openai' && !part.choices) seen = 'chunk without choices'; }
    catch (error) { seen = `raises ${error.name}`; }
    all.push(`${name} ${seen}`);
  }
  console.log(`${beat}, js: ${all.join(', ')}`);
}
E
cat > client.py <<'E'
import os, anthropic, openai; from google import genai
messages = [{'role': 'user', 'content': 'h'}]
kept = []
def google(url):
    kept.append(genai.Client(api_key='k', http_options={'base_url': url}))
    return kept[-1]
clients = {
    'openai': lambda url: openai.OpenAI(api_key='k', base_url=url + '/v1').chat.completions.create(model='m', messages=messages, stream=True),
    'anthropic': lambda url: anthropic.Anthropic(api_key='k', base_url=url).messages.create(model='m', max_tokens=9, messages=messages, stream=True),
    'google': lambda url: google(url).models.generate_content_stream(model='m', contents='h'),
}
for beat in ('comment', 'data', 'ping', 'line'):
    found = []
    for name, start in clients.items():
        try:
            parts = list(start(f"{os.environ['URL']}/{beat}"))
            seen = 'passes' if name != 'openai' or all(part.choices for part in parts) else 'chunk without choices'
        except Exception as error: seen = f'raises {type(error).__name__}'
        found.append(f'{name} {seen}')
    print(f"{beat}, py: {', '.join(found)}")
E
(node client.mjs; py/bin/python client.py) | tee seen
diff seen - <<'E' && echo 'unchanged'
comment, js: openai passes, anthropic passes, google passes
data, js: openai raises SyntaxError, anthropic passes, google raises SyntaxError
ping, js: openai chunk without choices, anthropic passes, google passes
line, js: openai passes, anthropic passes, google passes
comment, py: openai passes, anthropic passes, google raises UnknownApiResponseError
data, py: openai raises JSONDecodeError, anthropic passes, google raises UnknownApiResponseError
ping, py: openai chunk without choices, anthropic passes, google raises UnknownApiResponseError
line, py: openai passes, anthropic passes, google passes
E
