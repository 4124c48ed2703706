#!/bin/bash
# What      A call on a client to which nothing else refers, in one expression: genai.Client(…).models.generate_content(…), or a
#           helper that creates a client and returns its stream.
# Versions  google-genai 3.6.1, beside openai 3.57.0 and anthropic 2.14.0 (PyPI)
# Expected  The call keeps what it needs, as with openai and anthropic.
# Seen      2026-11-28: `models` does not refer to the client, so the client is garbage collected before the request is sent and
#           closes its connections: RuntimeError, "the client has been closed". It works as long as a variable holds the client.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
uv venv --quiet py && uv pip install --quiet --python py/bin/python openai==3.57.0 anthropic==2.14.0 google-genai==3.6.1
cat > run.py <<'E'
import http.server, json, threading
import anthropic, openai
from google import genai

GEMINI = {'candidates': [{'content': {'role': 'model', 'parts': [{'text': 'Hi'}]}, 'finishReason': 'STOP'}]}
CHUNK = {'id': 'c', 'object': 'chat.completion.chunk', 'created': 1, 'model': 'm', 'choices': [{'index': 0, 'delta': {'content': 'Hi'}}]}
class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_): pass
    def do_POST(self):
        self.rfile.read(int(self.headers['content-length']))
        if 'messages' in self.path: body = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'
        elif 'chat' in self.path: body = f'data: {json.dumps(CHUNK)}\n\ndata: [DONE]\n\n'
        elif 'stream' in self.path: body = f'data: {json.dumps(GEMINI)}\n\n'
        else: body = json.dumps(GEMINI)
        self.send_response(200); self.send_header('content-type', 'text/event-stream' if 'data: ' in body else 'application/json')
        self.end_headers(); self.wfile.write(body.encode())
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
url = f'http://127.0.0.1:{server.server_port}'
messages = [{'role': 'user', 'content': 'h'}]

def google(): return genai.Client(api_key='k', http_options={'base_url': url})
def show(name, run):
    try: seen = f'{run()} parts'
    except Exception as error: seen = f'{type(error).__name__}: {error}'
    print(f'{name}: {seen}')
kept = google()
show('google, client kept', lambda: len(list(kept.models.generate_content_stream(model='m', contents='h'))))
show('google, client not kept', lambda: len(list(google().models.generate_content_stream(model='m', contents='h'))))
show('google, not kept and no stream', lambda: len(google().models.generate_content(model='m', contents='h').parts))
show('openai, client not kept', lambda: len(list(openai.OpenAI(api_key='k', base_url=url).chat.completions.create(model='m', messages=messages, stream=True))))
show('anthropic, client not kept', lambda: len(list(anthropic.Anthropic(api_key='k', base_url=url).messages.create(model='m', max_tokens=9, messages=messages, stream=True))))
E
py/bin/python run.py | tee seen
diff seen - <<'E' && echo 'unchanged'
google, client kept: 1 parts
google, client not kept: RuntimeError: Cannot send a request, as the client has been closed.
google, not kept and no stream: RuntimeError: Cannot send a request, as the client has been closed.
openai, client not kept: 1 parts
anthropic, client not kept: 1 parts
E
