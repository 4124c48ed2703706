// A network between a broker and its Redis or PostgreSQL that can be severed, silenced and restored.

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import type { TestRedis } from './redis-server.ts';

export interface TcpProxy {
  url: string;
  /** Resets every connection and refuses new ones. */
  sever(): void;
  restore(): void;
  /** Existing connections stay open but carry nothing any more, as behind a firewall that has dropped them; new ones work. */
  silence(): void;
  /** New connections lead there; those that are stay where they are. */
  redirect(target: TestRedis): void;
  /** How many connections have been made through it. */
  readonly connections: number;
  stop(): Promise<void>;
}

export async function startTcpProxy(target: Pick<TestRedis, 'port'>): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let isSevered = false;
  let connections = 0;
  let port = target.port;
  const server = createServer((near) => {
    if (isSevered) return void near.resetAndDestroy();
    connections += 1;
    const far = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.setNoDelay(true);
      one.pipe(other);
      one.on('error', () => undefined);
      one.on('close', () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const cutAll = () => {
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sever() {
      isSevered = true;
      cutAll();
    },
    restore() {
      isSevered = false;
    },
    silence() {
      for (const socket of sockets) socket.unpipe().pause();
    },
    redirect(next) {
      port = next.port;
    },
    get connections() {
      return connections;
    },
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      cutAll();
      await closed;
    },
  };
}
