#!/bin/bash
# What      `create_with_completion` of Instructor, which returns the model and "the raw completion", where two of three answers did
#           not fit the model: whose usage is in the completion?
# Versions  instructor 1.17.0, openai 3.3.0 (PyPI)
# Expected  That of the completion: the third answer's 30 tokens in and 5 out, by its id.
# Seen      2026-11-29: id and content are the third answer's, the usage is the sum of all three (60 and 15, cached tokens too). Set
#           against a bill or a log by id, each corrected answer counts too much, and the sum over all answers is not what it seems.
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0
uv venv --quiet py && uv pip install --quiet --python py/bin/python instructor==1.17.0 openai==3.3.0
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
let tries = 0;
const server = http.createServer((request, answer) => {
  request.resume().on('end', () => {
    tries += 1;
    const call = { name: 'Person', arguments: tries < 3 ? '{"age":"old"}' : '{"age":7}' };
    const message = { role: 'assistant', content: null, tool_calls: [{ id: 't', type: 'function', function: call }] };
    const usage = { prompt_tokens: 10 * tries, completion_tokens: 5, total_tokens: 10 * tries + 5, prompt_tokens_details: { cached_tokens: 4 } };
    console.error(`answer c${tries}: ${usage.prompt_tokens} in, ${usage.completion_tokens} out, 4 cached`);
    answer.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ id: `c${tries}`, object: 'chat.completion', created: 1, model: 'm',
      choices: [{ index: 0, message, finish_reason: 'tool_calls' }], usage }));
  });
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/v1`));
E
node server.mjs > url 2> answers & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.py <<'E'
import os, instructor, openai
from pydantic import BaseModel
class Person(BaseModel):
    age: int
client = instructor.from_openai(openai.OpenAI(api_key='k', base_url=os.environ['URL']))
person, completion = client.chat.completions.create_with_completion(
    model='m', messages=[{'role': 'user', 'content': 'h'}], response_model=Person, max_retries=3)
usage = completion.usage
print(f'completion {completion.id}: {usage.prompt_tokens} in, {usage.completion_tokens} out, {usage.prompt_tokens_details.cached_tokens} cached')
E
py/bin/python client.py > result 2> errors || { cat errors; exit 1; }
cat answers result | tee seen
diff seen - <<'E' && echo 'unchanged'
answer c1: 10 in, 5 out, 4 cached
answer c2: 20 in, 5 out, 4 cached
answer c3: 30 in, 5 out, 4 cached
completion c3: 60 in, 15 out, 12 cached
E
