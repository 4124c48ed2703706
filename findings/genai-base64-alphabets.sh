#!/bin/bash
# What      Image bytes written by google-genai for Python and read by @google/genai for JavaScript: a conversation stored by two
#           services, or a server that returns what it received.
# Versions  google-genai 3.6.1 (PyPI), @google/genai 3.1.0 (npm)
# Expected  Standard Base64, as the JSON mapping of proto3 writes it, and one spelling of the field names in an object.
# Seen      2026-11-28: the Python SDK sends the URL-safe alphabet, and a snake_case mime_type inside inlineData. A reader of that
#           mapping must accept both. The JavaScript SDK's `data` getter raises InvalidCharacterError for it.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 @google/genai@3.1.0
uv venv --quiet py && uv pip install --quiet --python py/bin/python google-genai==3.6.1

cat > run.py <<'E'
import http.server, json, threading
from google import genai
from google.genai import types

class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_POST(self):
        part = json.loads(self.rfile.read(int(self.headers['content-length'])))['contents'][0]['parts'][0]
        print('py sends', json.dumps(part, sort_keys=True))
        answer = {'candidates': [{'content': {'role': 'model', 'parts': [part]}, 'finishReason': 'STOP'}]}
        json.dump(answer, open('answer.json', 'w'))
        self.send_response(200); self.send_header('content-type', 'application/json'); self.end_headers()
        self.wfile.write(json.dumps(answer).encode())
server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = genai.Client(api_key='k', http_options={'base_url': f'http://127.0.0.1:{server.server_port}'})
image = types.Part.from_bytes(data=b'\xfb\xff', mime_type='image/png')
answer = client.models.generate_content(model='m', contents=[image])
print('py reads', answer.candidates[0].content.parts[0].inline_data.data)
E
cat > run.mjs <<'E'
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { GoogleGenAI } from '@google/genai';

const server = http.createServer((_, answer) => {
  answer.writeHead(200, { 'content-type': 'application/json' }).end(readFileSync('answer.json'));
});
server.listen(0, '127.0.0.1', async () => {
  const google = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: `http://127.0.0.1:${server.address().port}` } });
  const answer = await google.models.generateContent({ model: 'm', contents: 'h' });
  let seen;
  try { seen = answer.data; } catch (error) { seen = error.name; }
  console.log('js reads', seen);
  server.close();
});
E
(py/bin/python run.py; node_modules/.bin/node run.mjs) | tee seen
diff seen - <<'E' && echo 'unchanged'
py sends {"inlineData": {"data": "-_8=", "mime_type": "image/png"}}
py reads b'\xfb\xff'
js reads InvalidCharacterError
E
