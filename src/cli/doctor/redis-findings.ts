// Reads facts about a Redis, and reports those that lose requests, refuse them or slow them down. Managed servers refuse CONFIG,
// some also INFO: unknown facts are not judged.
import type { Redis } from 'ioredis';
import { isLoopback, type RedisAddress } from '../../config/runtime.ts';
import { withoutSecrets } from '../../config/secrets.ts';
import { isCluster, type RedisClient } from '../../storage/redis.ts';
import { clockFindings, type Finding, measureSkew } from './finding.ts';

export interface ServerFacts {
  name: string;
  /** Null if refused. */
  info: ReadonlyMap<string, string> | null;
  config: ReadonlyMap<string, string> | null;
  skewMs: number;
  /** Median round trip of several `PING`s. */
  roundTripMs: number;
}

export interface RedisFacts {
  servers: readonly ServerFacts[];
  /** From `CLUSTER INFO`; null without a cluster. */
  clusterState: string | null;
}

const PINGS = 9;
const SETTINGS = ['save', 'appendfsync'];

export async function readRedis(redis: RedisClient): Promise<RedisFacts> {
  if (!isCluster(redis)) return { servers: [await readServer(redis, 'Redis')], clusterState: null };
  const nodes = redis.nodes('master') as Redis[];
  const state = await redis.cluster('INFO').catch(() => '');
  return {
    servers: await Promise.all(nodes.map((node) => readServer(node, `${node.options.host}:${node.options.port}`))),
    clusterState: /^cluster_state:(\w+)/m.exec(String(state))?.[1] ?? null,
  };
}

async function readServer(server: Redis, name: string): Promise<ServerFacts> {
  const [info, config, skewMs] = await Promise.all([
    server.info().then(parseInfo, () => null),
    readSettings(server).catch(() => null),
    measureSkew(async () => {
      const [seconds, micros] = await server.time();
      return Number(seconds) * 1_000 + Number(micros) / 1_000;
    }),
  ]);
  const roundTripMs = await medianPing(server);
  return { name, info, config, skewMs, roundTripMs };
}

function parseInfo(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^(\w+):(.*?)\r?$/gm)].map(([, name, value]) => [name!, value!]));
}

async function readSettings(server: Redis): Promise<Map<string, string>> {
  const found = await Promise.all(SETTINGS.map((name) => server.config('GET', name)));
  return new Map((found as string[][]).flatMap(([name, value]) => (name === undefined ? [] : [[name, value!]])));
}

async function medianPing(server: Redis): Promise<number> {
  const times: number[] = [];
  for (let at = 0; at < PINGS; at++) {
    const startMs = performance.now();
    await server.ping();
    times.push(performance.now() - startMs);
  }
  return times.sort((a, b) => a - b)[Math.floor(PINGS / 2)]!;
}

export function redisFindings(facts: RedisFacts, address: RedisAddress): Finding[] {
  return [
    ...facts.servers.flatMap(serverFindings),
    ...facts.servers.flatMap(({ name, skewMs }) => clockFindings(name, skewMs)),
    ...topologyFindings(facts, address),
    ...wireFindings(address),
  ];
}

/** A request takes a dozen round trips; if each takes longer than this, every client notices. */
const SLOW_MS = 5;

function serverFindings({ name, info, config, roundTripMs }: ServerFacts): Finding[] {
  const say = (severity: Finding['severity'], finding: string, remedy: string): Finding => ({
    severity,
    area: 'redis',
    finding: `${name}: ${finding}`,
    remedy,
  });
  const slow =
    roundTripMs < SLOW_MS
      ? []
      : [
          say(
            'warning',
            `a command takes ${roundTripMs.toFixed(1)} ms`,
            'run Redis close to the Sluice processes, and nothing else on its core',
          ),
        ];
  if (info === null) {
    return [
      ...slow,
      say('warning', 'the INFO command is refused: memory cannot be monitored', 'allow INFO: ACL SETUSER … +info'),
    ];
  }
  return [
    ...slow,
    ...versionFindings(info, say),
    ...memoryFindings(info, say),
    ...persistenceFindings(info, config, say),
    ...(config === null
      ? [
          say(
            'note',
            'the CONFIG command is refused, as on managed servers: save and appendfsync could not be checked',
            'check them in the console of the service',
          ),
        ]
      : []),
    ...(info.get('role') === 'slave'
      ? [
          say(
            'error',
            'this is a replica: it takes no writes',
            'configure the primary, or use redis.sentinel or redis.cluster',
          ),
        ]
      : []),
  ];
}

type Info = ReadonlyMap<string, string>;
type Say = (severity: Finding['severity'], finding: string, remedy: string) => Finding;

const LEAST_MAJOR = 7;

function versionFindings(info: Info, say: Say): Finding[] {
  const version = info.get('valkey_version') ?? info.get('redis_version') ?? '';
  const major = Number.parseInt(version, 10);
  if (Number.isNaN(major) || major >= LEAST_MAJOR) return [];
  return [
    say(
      'error',
      `its version is ${version}`,
      'use Redis 7.0 or newer, or Valkey 7.2 or newer: older ones have no sharded channels',
    ),
  ];
}

/** New requests are refused at 95 % (redis-watch.ts). */
const FULL_SHARE = 0.95;
const NARROW_SHARE = 0.75;
const MIB = 1024 * 1024;

function memoryFindings(info: Info, say: Say): Finding[] {
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  const [most, used] = [Number(info.get('maxmemory') ?? 0), Number(info.get('used_memory') ?? 0)];
  const evicts = policy !== 'noeviction';
  const found: Finding[] = [];
  if (evicts) {
    const severity = most > 0 ? 'error' : 'warning';
    const what = `maxmemory-policy is ${policy}: if memory runs out, Redis deletes requests, queues and cost records`;
    found.push(say(severity, what, 'set maxmemory-policy noeviction'));
  }
  if (most === 0) {
    found.push(
      say(
        'warning',
        'maxmemory is not set: Redis is killed when the machine runs out of memory',
        'set maxmemory to two thirds of the machine’s memory; at 95 %, new requests are refused',
      ),
    );
  } else if (used / most >= NARROW_SHARE) {
    const severity = used / most >= FULL_SHARE ? 'error' : 'warning';
    const what = `${Math.round((100 * used) / most)} % of ${Math.round(most / MIB)} MiB are used; at 95 %, new requests are refused`;
    found.push(say(severity, what, 'raise maxmemory, or shorten storage.finished_ms and storage.idempotency_ms'));
  }
  return found;
}

function persistenceFindings(info: Info, config: Info | null, say: Say): Finding[] {
  const found: Finding[] = [];
  if (info.get('aof_enabled') === '0') {
    const hasCopy = (config?.get('save') ?? '') !== '' || Number(info.get('connected_slaves') ?? 0) > 0;
    const what = 'appendonly is off: a restart loses requests in flight, and costs that are not in the database yet';
    found.push(
      say(hasCopy || config === null ? 'warning' : 'error', what, 'set appendonly yes and appendfsync everysec'),
    );
  } else if (config?.get('appendfsync') === 'no') {
    found.push(
      say(
        'warning',
        'appendfsync is no: a crash of the machine loses up to half a minute of writes',
        'set appendfsync everysec',
      ),
    );
  }
  for (const [name, what] of [
    ['aof_last_write_status', 'append-only file'],
    ['rdb_last_bgsave_status', 'snapshot'],
  ] as const) {
    const status = info.get(name);
    if (status !== undefined && status !== 'ok') {
      found.push(
        say('error', `its last ${what} could not be written`, 'free disk space; the log of Redis has the reason'),
      );
    }
  }
  return found;
}

const LEAST_SENTINELS = 3;

function topologyFindings({ servers, clusterState }: RedisFacts, address: RedisAddress): Finding[] {
  const say = (severity: Finding['severity'], finding: string, remedy: string): Finding => ({
    severity,
    area: 'redis',
    finding,
    remedy,
  });
  const lonely = servers.filter(({ info }) => info?.get('connected_slaves') === '0').map(({ name }) => name);
  const found: Finding[] = [];
  if (address.kind === 'standalone' && servers[0]?.info?.get('cluster_enabled') === '1') {
    found.push(
      say(
        'error',
        'this Redis is a node of a cluster, but it is configured as a single server',
        'list its nodes in redis.cluster',
      ),
    );
  }
  if (address.kind === 'cluster' && clusterState !== null && clusterState !== 'ok') {
    found.push(say('error', `the cluster reports state ${clusterState}`, 'redis-cli --cluster check HOST:PORT'));
  }
  if (address.kind !== 'standalone' && lonely.length > 0) {
    found.push(
      say(
        'warning',
        `no replica is connected to ${lonely.join(', ')}: failover is not possible`,
        'add a replica to every primary',
      ),
    );
  }
  if (address.kind === 'sentinel' && address.urls.length < LEAST_SENTINELS) {
    found.push(
      say('warning', `${address.urls.length} sentinels are configured`, 'use at least three, on separate machines'),
    );
  }
  return found;
}

function wireFindings(address: RedisAddress): Finding[] {
  const urls = address.kind === 'standalone' ? [address.url] : address.urls;
  return urls.flatMap((text) => {
    const url = URL.parse(text);
    if (url === null || url.protocol === 'unix:' || isLoopback(url.hostname)) return [];
    const say = (finding: string, remedy: string): Finding => ({
      severity: 'warning',
      area: 'network',
      finding: `${withoutSecrets(text)} ${finding}`,
      remedy,
    });
    return [
      ...(url.password === '' && !url.searchParams.has('password')
        ? [
            say(
              'has no password',
              'set requirepass or an ACL user: write access to Redis gives control over everything',
            ),
          ]
        : []),
      ...(url.protocol === 'rediss:'
        ? []
        : [
            say(
              'is not encrypted: prompts and responses can be read on the network',
              'use rediss://, unless the network is private',
            ),
          ]),
    ];
  });
}
