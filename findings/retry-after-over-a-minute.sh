#!/bin/bash
# What      HTTP 429 with `Retry-After: 70` (a quota that refills after a minute), default settings, observed for five seconds.
# Versions  openai 7.55.0, @anthropic-ai/sdk 1.11.0, ai 7.0.173 with @ai-sdk/openai 4.0.118 (npm);
#           openai 3.57.0, anthropic 2.14.0 (PyPI)
# Expected  All behave alike: at least the two SDKs of one provider, and the JavaScript ones.
# Seen      2026-11-28: openai for JavaScript and the AI SDK ignore a value above a minute and retry after their own backoff of
#           half a second and two seconds, while the limit still applies. openai for Python and both anthropic SDKs sleep for the
#           70 s without notifying the caller (above two minutes openai for Python gives up, anthropic's still sleep).
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 openai@7.55.0 @anthropic-ai/sdk@1.11.0 ai@7.0.173 @ai-sdk/openai@4.0.118
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 anthropic==2.14.0
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const requests = {};
const server = http.createServer((request, answer) => {
  if (request.url === '/count') return answer.end(JSON.stringify(requests));
  const name = request.url.split('/')[1];
  requests[name] = (requests[name] ?? 0) + 1;
  answer.writeHead(429, { 'content-type': 'application/json', 'retry-after': '70' });
  answer.end(JSON.stringify({ type: 'error', error: { type: 'rate_limit_error', message: 'slow down', param: null, code: null } }));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import { createOpenAI } from '@ai-sdk/openai'; import Anthropic from '@anthropic-ai/sdk';
import { generateText } from 'ai'; import OpenAI from 'openai';
const base = (name) => `${process.env.URL}/${name}/v1`, apiKey = 'k', model = 'm', messages = [{ role: 'user', content: 'h' }];
const calls = {
  'js-openai': (name) => new OpenAI({ apiKey, baseURL: base(name) }).chat.completions.create({ model, messages }),
  'js-anthropic': (name) => new Anthropic({ apiKey, baseURL: base(name).slice(0, -3) }).messages.create({ model, max_tokens: 9, messages }),
  'js-ai-sdk': (name) => generateText({ model: createOpenAI({ apiKey, baseURL: base(name) }).chat(model), prompt: 'h' }),
};
const waiting = new Set(Object.keys(calls));
for (const [name, call] of Object.entries(calls)) call(name).catch(() => {}).finally(() => waiting.delete(name));
await new Promise((wake) => setTimeout(wake, 5000));
const counts = await (await fetch(`${process.env.URL}/count`)).json();
const state = (name) => (counts[name] > 1 ? 'asked again' : waiting.has(name) ? 'still waits' : 'gave up');
for (const name of Object.keys(calls)) console.log(`${name}: ${state(name)}`);
process.exit();
E
cat > client.py <<'E'
import json, os, threading, time, urllib.request; import anthropic, openai
url, messages = os.environ['URL'], [{'role': 'user', 'content': 'h'}]
calls = {
    'py-openai': lambda: openai.OpenAI(api_key='k', base_url=url + '/py-openai/v1').chat.completions.create(model='m', messages=messages),
    'py-anthropic': lambda: anthropic.Anthropic(api_key='k', base_url=url + '/py-anthropic').messages.create(model='m', max_tokens=9, messages=messages),
}
threads = {name: threading.Thread(target=call, daemon=True) for name, call in calls.items()}
for thread in threads.values(): thread.start()
time.sleep(5)
counts = json.load(urllib.request.urlopen(url + '/count'))
for name, thread in threads.items():
    print(f"{name}: {'asked again' if counts[name] > 1 else 'still waits' if thread.is_alive() else 'gave up'}", flush=True)
os._exit(0)
E
(node client.mjs; py/bin/python client.py) | tee seen
diff seen - <<'E' && echo 'unchanged'
js-openai: asked again
js-anthropic: still waits
js-ai-sdk: asked again
py-openai: still waits
py-anthropic: still waits
E
