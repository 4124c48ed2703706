#!/bin/bash
# What      A stream that starts with a byte order mark, which the format of server-sent events allows and tells clients to skip.
# Versions  openai 3.57.0, anthropic 2.14.0 (PyPI); openai 7.55.0 (npm)
# Expected  The mark is skipped, as by openai for JavaScript.
# Seen      2026-11-28: the mark becomes part of the first field's name, so openai and anthropic for Python silently drop the
#           first event: the first tokens of a chat answer, the `message_start` with the input tokens of a message.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.55.0
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 anthropic==2.14.0
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const chunk = (content) => ({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: null }] });
const message = { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage: { input_tokens: 5, output_tokens: 1 } };
const events = {
  chat: ['Hel', 'lo'].map((text) => `data: ${JSON.stringify(chunk(text))}\n\n`),
  messages: [{ type: 'message_start', message }, { type: 'message_stop' }].map((data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`),
};
const server = http.createServer((request, answer) => {
  const kind = request.url.includes('chat') ? 'chat' : 'messages';
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(`\uFEFF${events[kind].join('')}`);
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)
cat > client.mjs <<'E'
import OpenAI from 'openai';
const client = new OpenAI({ apiKey: 'k', baseURL: `${process.env.URL}/v1` });
let text = '';
for await (const chunk of await client.chat.completions.create({ model: 'm', messages: [], stream: true })) text += chunk.choices[0].delta.content;
console.log('openai js:', text);
E
cat > client.py <<'E'
import os, anthropic, openai
chat = openai.OpenAI(api_key='k', base_url=os.environ['URL'] + '/v1').chat.completions.create(model='m', messages=[], stream=True)
print('openai py:', ''.join(chunk.choices[0].delta.content for chunk in chat))
stream = anthropic.Anthropic(api_key='k', base_url=os.environ['URL']).messages.create(model='m', max_tokens=9, messages=[], stream=True)
print('anthropic py:', *(event.type for event in stream))
E
(node client.mjs; py/bin/python client.py) | tee seen
diff seen - <<'E' && echo 'unchanged'
openai js: Hello
openai py: lo
anthropic py: message_stop
E
