// A provider that reads each request to the end before it answers. nginx answers at once, so that a measurement with large bodies
// would only show how they are discarded.
//
//   node bench/reading-upstream.mjs PORT COMPLETION
import { createServer } from 'node:http';

const [port, completion] = process.argv.slice(2);
createServer((request, response) => {
  request.resume();
  request.on('end', () => {
    response.setHeader('content-type', 'application/json');
    response.end(completion);
  });
}).listen(Number(port), '127.0.0.1');
