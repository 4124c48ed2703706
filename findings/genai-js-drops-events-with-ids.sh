#!/bin/bash
# What      The Gemini stream of @google/genai if events have an `id:` line (or a comment) before their `data:` line, as added by
#           proxies that let clients resume a stream.
# Versions  @google/genai 3.1.0 (npm) beside eventsource-parser 3.1.1 on the same bytes
# Expected  Fields other than `data` are ignored, as the format of server-sent events requires.
# Seen      2026-11-28: an event is accepted only if its first line is `data:`; all others are dropped silently. The stream ends
#           normally and is empty. If the `id:` line follows the `data:` line, it becomes part of the JSON: SyntaxError.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @google/genai@3.1.0 eventsource-parser@3.1.1
cat > run.mjs <<'E'
import http from 'node:http';
import { GoogleGenAI } from '@google/genai';
import { createParser } from 'eventsource-parser';

const answer = (text, more) => JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...more }] });
const data = [`data: ${answer('Hel')}\n`, `data: ${answer('lo', { finishReason: 'STOP' })}\n`];
const bodies = {
  plain: data.map((line) => `${line}\n`),
  'id before data': data.map((line, index) => `id: ${index}\n${line}\n`),
  'comment before data': data.map((line) => `: waiting\n${line}\n`),
  'id after data': data.map((line, index) => `${line}id: ${index}\n\n`),
};
const server = http.createServer((request, response) => {
  const name = decodeURIComponent(request.url.split('/')[1]);
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(bodies[name].join(''));
});
server.listen(0, '127.0.0.1', async () => {
  for (const name of Object.keys(bodies)) {
    let parsed = 0;
    createParser({ onEvent: () => (parsed += 1) }).feed(bodies[name].join(''));
    const baseUrl = `http://127.0.0.1:${server.address().port}/${encodeURIComponent(name)}`;
    const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl } });
    let seen = '';
    try {
      for await (const chunk of await google.models.generateContentStream({ model: 'm', contents: 'h' })) seen += chunk.text;
    } catch (error) {
      seen = error.name;
    }
    console.log(`${name}: ${parsed} events, the SDK gives "${seen}"`);
  }
  server.close();
});
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
plain: 2 events, the SDK gives "Hello"
id before data: 2 events, the SDK gives ""
comment before data: 2 events, the SDK gives ""
id after data: 2 events, the SDK gives "SyntaxError"
E
