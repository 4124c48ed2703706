// One address of a provider behind which each key is a separate account: with its own simulator, and so its own limits,
// faults and bill.
import { request as ask, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Simulator } from '#simulator/simulator.ts';

export interface Accounts {
  url: string;
  /** By key. What is not in it is answered with 401; it may be changed at any time. */
  of: Map<string, Simulator>;
  close(): Promise<void>;
}

export async function startAccounts(accounts: Record<string, Simulator>): Promise<Accounts> {
  const of = new Map(Object.entries(accounts));
  const server = createServer((incoming, answer) => {
    const { authorization, 'x-api-key': anthropicKey, 'x-goog-api-key': googleKey } = incoming.headers;
    const key = String(anthropicKey ?? googleKey ?? authorization?.slice('Bearer '.length) ?? '');
    const simulator = of.get(key);
    if (simulator === undefined) {
      incoming.resume();
      answer.writeHead(401, { 'content-type': 'application/json' });
      return answer.end(
        JSON.stringify({ error: { message: `Incorrect API key provided: ${key}.`, code: 'invalid_api_key' } }),
      );
    }
    const { method, headers } = incoming;
    const onward = ask(new URL(incoming.url!, simulator.url), { method, headers }, (got) => {
      answer.writeHead(got.statusCode!, got.headers);
      got.pipe(answer);
    });
    onward.on('error', () => answer.destroy());
    answer.on('close', () => onward.destroy());
    incoming.pipe(onward);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    of,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
