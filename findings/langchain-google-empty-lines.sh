#!/bin/bash
# What      An empty line between the events of a Gemini stream, which server-sent events allow and all of Google's newer SDKs
#           ignore, read by LangChain's package for Google.
# Versions  @langchain/google-genai 2.3.2, @langchain/core 1.4.0 (npm), on @google/generative-ai 0.24.1
# Expected  It is ignored: the text before and after it arrives.
# Seen      2026-11-28: the text before it arrives, then nothing. At the end it raises "Failed to parse stream", and once more in
#           an unhandled promise, which ends the process. Its reader searches for `data:` at the beginning of its buffer, where it
#           never is again. A comment has the same effect: there is no keep-alive for such a client.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @langchain/google-genai@2.3.2 @langchain/core@1.4.0 @google/generative-ai@0.24.1
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const event = (text, more = {}) =>
  `data: ${JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...more }] })}\n\n`;
const between = { nothing: '', line: '\n', comment: ': waiting\n\n' };
const server = http.createServer((request, answer) => {
  const idle = between[request.url.split('/')[1]];
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(event('Hel') + idle + event('lo', { finishReason: 'STOP' }));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import { ChatGoogleGenerativeAI } from '@langchain/google-genai';
let orphans = 0;
process.on('unhandledRejection', () => (orphans += 1));
for (const idle of ['nothing', 'line', 'comment']) {
  const chat = new ChatGoogleGenerativeAI({ apiKey: 'k', model: 'gemini-3-pro', baseUrl: `${process.env.URL}/${idle}`, maxRetries: 0 });
  let text = '', ending = 'ends';
  try { for await (const chunk of await chat.stream('h')) text += chunk.content; } catch (error) { ending = `raises: ${error.message}`; }
  await new Promise((resolve) => setTimeout(resolve, 200));
  console.log(`${idle}: "${text}", ${ending}; unhandled rejections: ${orphans}`);
  orphans = 0;
}
E
node client.mjs 2> /dev/null | tee seen
diff seen - <<'E' && echo 'unchanged'
nothing: "Hello", ends; unhandled rejections: 0
line: "Hel", raises: [GoogleGenerativeAI Error]: Failed to parse stream; unhandled rejections: 1
comment: "Hel", raises: [GoogleGenerativeAI Error]: Failed to parse stream; unhandled rejections: 1
E
