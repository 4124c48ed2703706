// A provider that reads each request to the end before it answers, in the protocol of its path. nginx answers at once, so that a
// measurement with large bodies would only show how they are discarded.
//
//   node bench/reading-upstream.mjs PORT COMPLETION
import { createServer } from 'node:http';

const [port, completion] = process.argv.slice(2);
const output = [
  {
    ...{ type: 'message', id: 'msg_1', role: 'assistant', status: 'completed' },
    content: [{ type: 'output_text', text: 'Hello!', annotations: [] }],
  },
];
const tokens = { input_tokens: 8, output_tokens: 9 };
const response = { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'gpt-4o', output };
const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'gpt-4o', stop_reason: 'end_turn' };
const candidate = { content: { role: 'model', parts: [{ text: 'Hello!' }] }, finishReason: 'STOP', index: 0 };

const ANSWERS = [
  ['/chat/completions', completion],
  ['/responses', JSON.stringify({ ...response, usage: { ...tokens, total_tokens: 17 } })],
  ['/messages', JSON.stringify({ ...message, content: [{ type: 'text', text: 'Hello!' }], usage: tokens })],
  [
    ':generateContent',
    JSON.stringify({
      candidates: [candidate],
      usageMetadata: { promptTokenCount: 8, candidatesTokenCount: 9, totalTokenCount: 17 },
    }),
  ],
];

createServer((request, answer) => {
  request.resume();
  request.on('end', () => {
    answer.setHeader('content-type', 'application/json');
    answer.end(ANSWERS.find(([path]) => request.url.endsWith(path))[1]);
  });
}).listen(Number(port), '127.0.0.1');
