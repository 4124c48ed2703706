// A separate process: it starts a simulator, leaves calls of every kind open, closes it, and must then end by itself.
import { startSimulator } from '../../src/simulator.ts';
import { chat, openRequest } from './client.ts';

const simulator = await startSimulator();
const contents = [
  '[[sim fault=silence]]',
  '[[sim fault=stall@1]]',
  '[[sim first=60000]]',
  '[[sim tokens=9999 pace=50]]',
];
const open = contents.flatMap((content) =>
  [true, false].map((stream) => openRequest(simulator, { body: chat(content, { stream }) })),
);
await simulator.until(({ inFlight }) => inFlight === open.length);
await simulator.close();
const endings = await Promise.all(open.map(async ({ heard }) => (await heard).ending));
const { inFlight, openStreams } = simulator.stats();
console.log(JSON.stringify({ endings: [...new Set(endings)], inFlight, openStreams }));
