#!/bin/bash
# What      What the model gets for `opencode run "Say hello there"`: one argument with spaces, and the same as separate words.
# Versions  opencode-ai 1.18.33 (npm)
# Expected  Say hello there
# Seen      2026-11-28: an argument with spaces reaches the model in double quotes that the user did not write; separate words do
#           not. A prompt that contains a quote gets backslashes.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 opencode-ai@1.18.33
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
import { appendFileSync } from 'node:fs';
const chunk = (delta, finish_reason = null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`;
const server = http.createServer((request, answer) => {
  let body = '';
  request.on('data', (piece) => (body += piece)).on('end', () => {
    const { tools, messages } = JSON.parse(body);
    const { content } = messages.findLast(({ role }) => role === 'user');
    // Without tools it asks for a title.
    if (tools) appendFileSync('prompts', `${typeof content === 'string' ? content : content[0].text}\n`);
    answer.writeHead(200, { 'content-type': 'text/event-stream' });
    answer.end(`${chunk({ role: 'assistant', content: 'Hi' })}${chunk({}, 'stop')}data: [DONE]\n\n`);
  });
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done
mkdir home work
cat > work/opencode.json <<E
{ "autoupdate": false, "share": "disabled", "provider": { "own": { "npm": "@ai-sdk/openai-compatible",
  "options": { "baseURL": "$(cat url)/v1", "apiKey": "k" }, "models": { "m": {} } } } }
E
export HOME="$dir/home" OPENCODE_DISABLE_AUTOUPDATE=1 OPENCODE_DISABLE_MODELS_FETCH=1
ask() { (cd work && opencode run -m own/m "$@" > ../said 2>&1 < /dev/null) || { cat said; exit 1; }; }
ask 'Say hello there'
ask Say hello there
ask 'Say "hello" there'
diff prompts - <<'E' && cat prompts && echo 'unchanged'
"Say hello there"
Say hello there
"Say \"hello\" there"
E
