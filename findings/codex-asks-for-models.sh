#!/bin/bash
# What      Which URLs Codex requests of a custom provider if its key is in the environment (`env_key`), and if a command prints
#           it (`auth.command`).
# Versions  @openai/codex 0.171.0 (npm)
# Expected  The same in both cases: the list of models belongs to the provider, not to the way its key is stored.
# Seen      2026-11-28: with a command it first requests GET /models?client_version=…, and gets a model's context window from
#           there. With `env_key` it never does, and uses its own defaults for unknown models. It ignores a list in OpenAI's
#           format: it requires `models` in addition to `data`, and rejects all models if one has no `base_instructions`.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @openai/codex@0.171.0
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
import { appendFileSync } from 'node:fs';
const event = (data, sequence_number) => `event: ${data.type}\ndata: ${JSON.stringify({ ...data, sequence_number })}\n\n`;
const message = { id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Hi.', annotations: [] }] };
const response = { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm', output: [message],
  usage: { input_tokens: 5, output_tokens: 1, total_tokens: 6, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } } };
const server = http.createServer((request, answer) => {
  appendFileSync('asked', `${request.method} ${request.url.replace(/=.*/, '=…')}\n`);
  request.resume().on('end', () => {
    if (request.method === 'GET') return answer.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[]}');
    answer.writeHead(200, { 'content-type': 'text/event-stream' }).end([
      { type: 'response.created', response: { ...response, status: 'in_progress', output: [] } },
      { type: 'response.output_item.done', output_index: 0, item: message }, { type: 'response.completed', response },
    ].map(event).join(''));
  });
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done
mkdir -p home/.codex work
ask() {
  cat > home/.codex/config.toml <<E
model = "m"
model_provider = "own"
check_for_update_on_startup = false
[analytics]
enabled = false
[model_providers.own]
name = "Own"
base_url = "$(cat url)/v1"
wire_api = "responses"
$1
E
  : > asked
  (cd work && HOME="$dir/home" KEY=k codex exec --skip-git-repo-check --sandbox read-only hello > ../said 2>&1 < /dev/null) || { cat said; exit 1; }
  echo "$2: $(sort -u asked | paste -sd, -)"
}
{
  ask 'env_key = "KEY"' 'env_key'
  ask $'[model_providers.own.auth]\ncommand = "printenv"\nargs = ["KEY"]' 'auth.command'
} | tee seen
diff seen - <<'E' && echo 'unchanged'
env_key: POST /v1/responses
auth.command: GET /v1/models?client_version=…,POST /v1/responses
E
