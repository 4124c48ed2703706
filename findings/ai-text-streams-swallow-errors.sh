#!/bin/bash
# What      An error event in the middle of a stream (OpenAI's, Anthropic's), read by a loop over `textStream` of the AI SDK, as
#           in the first example of its documentation; and what the other promises of the same result contain.
# Versions  ai 7.0.173, @ai-sdk/openai 4.0.118, @ai-sdk/anthropic 4.0.105 (npm)
# Expected  The loop raises, as those of the providers' own SDKs do: half an answer is not an answer.
# Seen      2026-11-28: the loop ends as if the answer were complete. The error is a part of `fullStream` and is passed to
#           `onError`, which by default writes to the console. `text` resolves with half of the answer, and only `finishReason` is
#           "error".
set -euo pipefail
dir=$(mktemp -d); trap 'kill "${server:-}" 2>/dev/null || true; rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 ai@7.0.173 @ai-sdk/openai@4.0.118 @ai-sdk/anthropic@4.0.105 zod@4.6.7
export PATH="$dir/node_modules/.bin:$PATH"

cat > server.mjs <<'E'
import http from 'node:http';
const event = (data) => `event: ${data.type}\ndata: ${JSON.stringify(data)}\n\n`;
const chunk = { id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm' };
const streams = {
  chat: [
    { ...chunk, choices: [{ index: 0, delta: { role: 'assistant', content: 'Hel' }, finish_reason: null }] },
    { error: { message: 'The server had an error', type: 'server_error', param: null, code: null } },
  ].map((data) => `data: ${JSON.stringify(data)}\n\n`),
  messages: [
    { type: 'message_start', message: { id: 'm', type: 'message', role: 'assistant', model: 'm', content: [],
      stop_reason: null, stop_sequence: null, usage: { input_tokens: 5, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Hel' } },
    { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } },
  ].map(event),
};
const server = http.createServer((request, answer) => {
  answer.writeHead(200, { 'content-type': 'text/event-stream' }).end(streams[/chat|messages/.exec(request.url)[0]].join(''));
}).listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}`));
E
node server.mjs > url & server=$!; until [ -s url ]; do sleep 0.1; done; export URL=$(cat url)

cat > client.mjs <<'E'
import { createAnthropic } from '@ai-sdk/anthropic'; import { createOpenAI } from '@ai-sdk/openai'; import { streamText } from 'ai';
const own = { apiKey: 'k', baseURL: `${process.env.URL}/v1` };
const models = { chat: createOpenAI(own).chat('m'), messages: createAnthropic(own)('m') };
const settled = (promise) => promise.then((value) => JSON.stringify(value), (error) => `rejects with ${error.name}`);
for (const [name, model] of Object.entries(models)) {
  const result = streamText({ model, prompt: 'h', onError: () => {} });
  let loop = '';
  try { for await (const piece of result.textStream) loop += piece; loop = `ends after "${loop}"`; } catch (error) { loop = `raises ${error.name}`; }
  console.log(`${name}: textStream ${loop}; text ${await settled(result.text)}; finishReason ${await settled(result.finishReason)}`);
}
E
node client.mjs 2> /dev/null | tee seen
diff seen - <<'E' && echo 'unchanged'
chat: textStream ends after "Hel"; text "Hel"; finishReason "error"
messages: textStream ends after "Hel"; text "Hel"; finishReason "error"
E
