// Faults around processes, all of which must survive: Redis rejects writes, SQL is down or refuses rows, uploads are cut off. One
// fault at a time with pauses in between, in an order determined by the seed; absurd answers of providers follow their own rules
// (setting.ts).
import { connect } from 'node:net';
import { DatabaseSync } from 'node:sqlite';
import { sql } from 'kysely';
import { nextFraction, type Random } from '#simulator/engine/answers/random.ts';
import { admin } from '#test/support/admin.ts';
import type { TestBroker, TestProcess } from '#test/support/broker.ts';
import { pause } from './fleet.ts';

/** Starts the fault and returns the function that ends it. */
type Disturbance = (broker: TestBroker) => Promise<() => Promise<unknown>>;

const DISTURBANCES: Record<string, Disturbance> = {
  async 'Redis is a replica'({ redis }) {
    await redis.client.replicaof('127.0.0.1', 1);
    return () => redis.client.replicaof('NO', 'ONE');
  },
  async 'Redis is out of memory'({ redis }) {
    await redis.client.config('SET', 'maxmemory', '1');
    return () => redis.client.config('SET', 'maxmemory', '0');
  },
  async 'SQL is locked'({ databaseUrl }) {
    const other = new DatabaseSync(databaseUrl.replace(/^sqlite:/, ''));
    other.exec('pragma busy_timeout = 5000; begin exclusive');
    return async () => {
      other.exec('rollback');
      other.close();
    };
  },
  async 'SQL refuses rows'({ database }) {
    // About one attempt in four.
    await sql
      .raw(
        `create trigger refusing before insert on ledger_entries when new.output_tokens % 4 = 1
           begin select raise(abort, 'not this one'); end`,
      )
      .execute(database);
    return () => sql.raw('drop trigger refusing').execute(database);
  },
};

const LASTS_MS = { least: 500, most: 1_500 };
const CALM_MS = { least: 400, most: 1_000 };
const CUT_UPLOAD_EVERY_MS = 150;

/** Resolves when the time is over and the last fault has ended, with the number of times each occurred. */
export async function disturb(broker: TestBroker, random: Random, untilMs: number): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  const between = ({ least, most }: { least: number; most: number }) => least + nextFraction(random) * (most - least);
  let left: string[] = [];
  while (Date.now() < untilMs) {
    if (left.length === 0) left = Object.keys(DISTURBANCES);
    const [name] = left.splice(Math.floor(nextFraction(random) * left.length), 1);
    const end = await DISTURBANCES[name!]!(broker);
    await pause(between(LASTS_MS));
    await end();
    counts[name!] = (counts[name!] ?? 0) + 1;
    await pause(between(CALM_MS));
  }
  return counts;
}

/** Sends uploads that end within a part, a header or a boundary, or whose connection breaks there. */
export async function cutUploads(broker: TestBroker, key: string, random: Random, untilMs: number): Promise<number> {
  let sent = 0;
  while (Date.now() < untilMs) {
    const url = new URL(String(broker.apis[sent % broker.apis.length]!.details.url));
    await cutUpload(url, key, nextFraction(random), sent % 2 === 0);
    sent += 1;
    await pause(CUT_UPLOAD_EVERY_MS);
  }
  return sent;
}

const BOUNDARY = 'chaos';
const UPLOAD = [
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n`,
  `--${BOUNDARY}\r\ncontent-disposition: form-data; name="file"; filename="lines.jsonl"\r\n`,
  `content-type: application/jsonl\r\n\r\n{"custom_id":"1"}\r\n--${BOUNDARY}--\r\n`,
].join('');

/** @param isSaid the request declares this length; otherwise its connection breaks. */
function cutUpload({ hostname, port }: URL, key: string, share: number, isSaid: boolean): Promise<void> {
  const body = UPLOAD.slice(0, Math.floor(UPLOAD.length * share));
  const head = [
    'POST /v1/files HTTP/1.1',
    'host: chaos',
    `authorization: Bearer ${key}`,
    `content-type: multipart/form-data; boundary=${BOUNDARY}`,
    `content-length: ${isSaid ? body.length : UPLOAD.length}`,
    'connection: close',
  ];
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    socket.once('close', () => resolve());
    socket.setTimeout(5_000, () => socket.destroy());
    socket.resume();
    socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
    if (!isSaid) socket.end();
  });
}

/** Replays the messages that SQL refused, now that it accepts everything. */
export async function replayRejects(broker: TestBroker): Promise<void> {
  for (;;) {
    const { json } = await admin<{ left: number; replayed: number }>(broker, 'POST', '/ledger/rejects/replay', {});
    if (json.left === 0 || json.replayed === 0) return;
  }
}

/** Checks that no process was restarted and that none logged an uncaught error. */
export function checkAlive({ apis, workers }: TestBroker): string[] {
  const processes = [...apis, ...workers];
  return [
    ...processes.filter(({ child }) => hasEnded(child)).map(({ child }) => `process ${child.pid} has ended`),
    ...processes.flatMap((running) =>
      running
        .log()
        .split('\n')
        .filter((line) => /uncaught exception|unhandled rejection/.test(line))
        .map((line) => `process ${running.child.pid}: ${line}`),
    ),
  ];
}

function hasEnded({ exitCode, signalCode }: TestProcess['child']): boolean {
  return exitCode !== null || signalCode !== null;
}
