#!/bin/bash
# What      Whether ChatOpenAI of LangChain asks for the usage of a stream (`stream_options.include_usage`), by how its client is made.
# Versions  langchain-openai 1.7.4 with langchain-core 1.8.3, openai 3.57.0, httpx 0.28.1 (PyPI);
#           @langchain/openai 1.5.8 with @langchain/core 1.4.0 (npm)
# Expected  The same each time: it is one model of one API, and the usage is what callbacks and traces count.
# Seen      2026-11-29: Python asks only if nothing is said about the connection. A base URL turns it off, also OpenAI's own, also in
#           a variable, and so does an HTTP client, which one passes for a timeout or a certificate: `usage_metadata` is then None,
#           without a word. JavaScript asks each time. `stream_usage=True` asks always.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @langchain/openai@1.5.8 @langchain/core@1.4.0
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 langchain-openai==1.7.4 langchain-core==1.8.3 httpx==0.28.1
export PATH="$dir/node_modules/.bin:$PATH" LANGSMITH_TRACING=false
unset OPENAI_BASE_URL OPENAI_API_BASE

cat > server.mjs <<'E'
import http from 'node:http';
import { appendFileSync } from 'node:fs';
const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }] };
const server = http.createServer(async (request, answer) => {
  let body = '';
  for await (const piece of request) body += piece;
  appendFileSync('asked', `${'stream_options' in JSON.parse(body) ? 'asks' : 'does not ask'}\n`);
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify(chunk)}\n\ndata: [DONE]\n\n`);
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.py <<'E'
import os, openai
from langchain_openai import ChatOpenAI
url = os.environ['URL']
import httpx
# Sends to the server here what is meant for another one.
class Here(httpx.HTTPTransport):
    def handle_request(self, request):
        request.url = httpx.URL(url + '/chat/completions')
        return super().handle_request(request)
def asks(name, model):
    list(model.stream('h'))
    print(f'{name}: {open("asked").read().splitlines()[-1]}')
made = dict(model='m', api_key='k')
# Nothing is said: the module's own client is replaced afterwards, so that the call stays on this machine.
plain = ChatOpenAI(**made)
plain.client = openai.OpenAI(api_key='k', base_url=url).chat.completions
asks('python, nothing said', plain)
asks('python, own http_client', ChatOpenAI(**made, http_client=httpx.Client(transport=Here(), timeout=20)))
asks('python, OpenAI\'s base_url', ChatOpenAI(**made, base_url='https://api.openai.com/v1', http_client=httpx.Client(transport=Here())))
asks('python, base_url', ChatOpenAI(**made, base_url=url))
asks('python, base_url and stream_usage', ChatOpenAI(**made, base_url=url, stream_usage=True))
os.environ['OPENAI_BASE_URL'] = url
asks('python, OPENAI_BASE_URL', ChatOpenAI(**made))
E
cat > client.mjs <<'E'
import { readFileSync } from 'node:fs';
import { ChatOpenAI } from '@langchain/openai';
for await (const _ of await new ChatOpenAI({ model: 'm', apiKey: 'k', configuration: { baseURL: process.env.URL } }).stream('h'));
console.log(`js, baseURL: ${readFileSync('asked', 'utf8').trim().split('\n').at(-1)}`);
E
{ py/bin/python client.py; node client.mjs; } 2> errors | tee seen || { cat errors; exit 1; }
diff seen - <<'E' && echo 'unchanged'
python, nothing said: asks
python, own http_client: does not ask
python, OpenAI's base_url: does not ask
python, base_url: does not ask
python, base_url and stream_usage: asks
python, OPENAI_BASE_URL: does not ask
js, baseURL: asks
E
