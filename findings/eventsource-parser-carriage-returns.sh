#!/bin/bash
# What      A stream whose lines end in a single CR, which the format of server-sent events allows, read by eventsource-parser and
#           through it by the AI SDK.
# Versions  eventsource-parser 3.1.1, ai 7.0.173, @ai-sdk/google 4.0.121; @google/genai 3.1.0 beside them (npm)
# Expected  The same events as with LF.
# Seen      2026-11-28: the parser waits for an LF that might follow the last CR, even when the stream has ended and at reset({
#           consume: true }): the last event never arrives. In a Gemini stream that event has the finish reason and the usage: the
#           AI SDK loses the end of the text and reports "interrupted". With one more CR it arrives.
set -euo pipefail
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT; cd "$dir"
npm install --silent --no-audit --no-fund node@24.21.0 eventsource-parser@3.1.1 ai@7.0.173 @ai-sdk/google@4.0.121 @google/genai@3.1.0
cat > run.mjs <<'E'
import http from 'node:http';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { GoogleGenAI } from '@google/genai';
import { streamText } from 'ai';
import { createParser } from 'eventsource-parser';

const answer = (text, more) => JSON.stringify({ candidates: [{ index: 0, content: { role: 'model', parts: [{ text }] }, ...more }] });
const stream = `data: ${answer('Hel')}\n\ndata: ${answer('lo', { finishReason: 'STOP' })}\n\n`;
const bodies = { lf: stream, crlf: stream.replaceAll('\n', '\r\n'), cr: stream.replaceAll('\n', '\r'), 'cr+1': `${stream.replaceAll('\n', '\r')}\r` };
const server = http.createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' }).end(bodies[decodeURIComponent(request.url.split('/')[1])]);
});
server.listen(0, '127.0.0.1', async () => {
  for (const name of Object.keys(bodies)) {
    let events = 0;
    const parser = createParser({ onEvent: () => (events += 1) });
    parser.feed(bodies[name]);
    parser.reset({ consume: true });
    const url = `http://127.0.0.1:${server.address().port}/${encodeURIComponent(name)}`;
    const result = streamText({ model: createGoogleGenerativeAI({ apiKey: 'k', baseURL: `${url}/v1beta` })('m'), prompt: 'h' });
    const ai = `${await result.text}/${await result.finishReason}`;
    let google = '';
    const sdk = new GoogleGenAI({ apiKey: 'k', httpOptions: { baseUrl: url } });
    for await (const chunk of await sdk.models.generateContentStream({ model: 'm', contents: 'h' })) google += chunk.text;
    console.log(`${name}: parser ${events} events, ai ${ai}, @google/genai ${google}`);
  }
  server.close();
});
E
node_modules/.bin/node run.mjs | tee seen
diff seen - <<'E' && echo 'unchanged'
lf: parser 2 events, ai Hello/stop, @google/genai Hello
crlf: parser 2 events, ai Hello/stop, @google/genai Hello
cr: parser 1 events, ai Hel/interrupted, @google/genai Hello
cr+1: parser 2 events, ai Hello/stop, @google/genai Hello
E
