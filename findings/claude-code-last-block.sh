#!/bin/bash
# What      What `claude -p` prints if the last message has a text followed by an empty thought: a block whose signature came
#           after the text, as Gemini's does behind gateways.
# Versions  @anthropic-ai/claude-code 2.1.332 (npm)
# Expected  The text: all of the message's texts, or its last one.
# Seen      2026-11-28: if the thought comes before the text, it prints the text; if it comes after the text, it prints an empty
#           line and exits with 0. The result is the text of the last block, whatever its kind.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @anthropic-ai/claude-code@2.1.332
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const usage = { input_tokens: 5, output_tokens: 1 };
const head = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null, stop_sequence: null, usage };
const text = (index) => [
  { type: 'content_block_start', index, content_block: { type: 'text', text: '' } },
  { type: 'content_block_delta', index, delta: { type: 'text_delta', text: 'It is done.' } },
  { type: 'content_block_stop', index },
];
const thought = (index) => [
  { type: 'content_block_start', index, content_block: { type: 'thinking', thinking: '', signature: '' } },
  { type: 'content_block_delta', index, delta: { type: 'signature_delta', signature: 'c2lnbmVk' } },
  { type: 'content_block_stop', index },
];
const answers = { before: [...thought(0), ...text(1)], behind: [...text(0), ...thought(1)] };
const server = http.createServer((request, answer) => {
  const blocks = answers[request.url.split('/')[1]];
  if (!request.url.includes('/v1/messages?')) return request.resume() && answer.writeHead(404).end('{}');
  request.resume().on('end', () => answer.writeHead(200, { 'content-type': 'text/event-stream' }).end([
    { type: 'message_start', message: head }, ...blocks,
    { type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage }, { type: 'message_stop' },
  ].map(event).join('')));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done
mkdir home work; cd work
for place in before behind; do
  said=$(HOME="$dir/home" ANTHROPIC_BASE_URL="$(cat ../url)/$place" ANTHROPIC_AUTH_TOKEN=k ANTHROPIC_MODEL=claude-opus-4-8 \
    ANTHROPIC_DEFAULT_HAIKU_MODEL=claude-opus-4-8 CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 claude -p hello < /dev/null 2> /dev/null)
  echo "the thought $place the text: \"$said\", status $?"
done | tee ../seen
cd ..
diff seen - <<'E' && echo 'unchanged'
the thought before the text: "It is done.", status 0
the thought behind the text: "", status 0
E
