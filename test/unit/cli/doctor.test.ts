// What `sluice doctor` concludes from its observations; the observations themselves are tested in
// test/integration/doctor.test.ts.
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clockFindings, exitCodeOf, type Finding } from '#src/cli/doctor/finding.ts';
import {
  fileFindings,
  listenFindings,
  nodeFindings,
  openFilesFindings,
  providerFindings,
} from '#src/cli/doctor/machine-findings.ts';
import { type RedisFacts, redisFindings } from '#src/cli/doctor/redis-findings.ts';
import { createCatalogue } from '#src/config/catalogue.ts';
import { readEnvironment } from '#src/config/environment.ts';
import type { RedisAddress } from '#src/config/runtime.ts';
import { type ConfigurationInput, configurationSchema } from '#src/config/schema.ts';

const LOCAL: RedisAddress = { kind: 'standalone', url: 'redis://127.0.0.1:6379' };
const GOOD = {
  redis_version: '7.4.1',
  role: 'master',
  maxmemory: '1000000000',
  used_memory: '1000000',
  maxmemory_policy: 'noeviction',
  aof_enabled: '1',
  aof_last_write_status: 'ok',
  rdb_last_bgsave_status: 'ok',
  connected_slaves: '0',
};

function facts(info: object | null, more: Partial<RedisFacts['servers'][number]> = {}): RedisFacts {
  const map = info === null ? null : new Map(Object.entries({ ...GOOD, ...info }) as [string, string][]);
  const config = new Map([
    ['save', ''],
    ['appendfsync', 'everysec'],
  ]);
  return { servers: [{ name: 'Redis', info: map, config, skewMs: 3, roundTripMs: 0.2, ...more }], clusterState: null };
}
const shown = (findings: readonly Finding[]) => findings.map(({ severity, finding }) => `${severity}: ${finding}`);

describe('Redis', () => {
  test('has no findings if all is well', () => {
    expect(redisFindings(facts({}), LOCAL)).toEqual([]);
  });

  test.each([
    ['an old version', { redis_version: '6.2.14' }, /^error: .*6\.2\.14/],
    ['a Valkey that says a Redis version, too', { redis_version: '7.2.4', valkey_version: '8.1.0' }, null],
    ['eviction under a limit', { maxmemory_policy: 'allkeys-lru' }, /^error: .*allkeys-lru/],
    ['eviction that never happens', { maxmemory_policy: 'volatile-ttl', maxmemory: '0' }, /^warning: .*volatile-ttl/],
    ['no limit of memory', { maxmemory: '0' }, /^warning: .*maxmemory is not set/],
    ['little room', { used_memory: '800000000' }, /^warning: .*80 % of 954 MiB/],
    ['no room', { used_memory: '960000000' }, /^error: .*96 %/],
    ['no persistence', { aof_enabled: '0' }, /^error: .*appendonly is off/],
    [
      'no append-only file, but a replica',
      { aof_enabled: '0', connected_slaves: '1' },
      /^warning: .*appendonly is off/,
    ],
    ['a file that cannot be written', { aof_last_write_status: 'err' }, /^error: .*append-only file/],
    ['a snapshot that cannot be written', { rdb_last_bgsave_status: 'err' }, /^error: .*snapshot/],
    ['a replica', { role: 'slave' }, /^error: .*replica/],
    ['a node of a cluster', { cluster_enabled: '1' }, /^error: .*node of a cluster/],
  ] as const)('%s', (_name, info, expected) => {
    const findings = shown(redisFindings(facts(info), LOCAL));
    if (expected === null) expect(findings).toEqual([]);
    else expect(findings[0]).toMatch(expected);
  });

  test('findings if it is slow, its clock is wrong, or it refuses CONFIG or INFO', () => {
    const say = (more: object, info: object | null = {}) => shown(redisFindings(facts(info, more), LOCAL));
    expect(say({ roundTripMs: 12 })).toEqual([expect.stringMatching(/^warning: .*12\.0 ms/)]);
    expect(say({ skewMs: -2_400 })).toEqual([expect.stringMatching(/^warning: .*2\.4 s behind/)]);
    expect(say({ config: null })).toEqual([expect.stringMatching(/^note: .*CONFIG command is refused/)]);
    expect(say({ config: null }, null)).toEqual([expect.stringMatching(/^warning: .*INFO command is refused/)]);
  });

  test('checks clusters and sentinels: state, replicas, number', () => {
    const cluster: RedisAddress = { kind: 'cluster', urls: ['redis://127.0.0.1:1'] };
    const down = redisFindings({ ...facts({}), clusterState: 'fail' }, cluster);
    expect(shown(down)).toEqual([
      expect.stringMatching(/^error: .*state fail/),
      expect.stringMatching(/^warning: no replica/),
    ]);
    const sentinel: RedisAddress = { kind: 'sentinel', urls: ['redis://127.0.0.1:1'], name: 'main' };
    expect(shown(redisFindings(facts({ connected_slaves: '1' }), sentinel))).toEqual([
      expect.stringMatching(/^warning: 1 sentinels/),
    ]);
  });

  test('requires a password and TLS over a network, and does not show the password', () => {
    const at = (url: string) => shown(redisFindings(facts({}), { kind: 'standalone', url }));
    expect(at('redis://redis:6379')).toHaveLength(2);
    expect(at('redis://:hunter2secret@redis:6379').join()).not.toContain('hunter2');
    expect(at('redis://:hunter2secret@redis:6379')).toHaveLength(1);
    expect(at('rediss://:hunter2secret@redis:6379')).toEqual([]);
  });
});

describe('files', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'sluice-doctor-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const look = (configuration: ConfigurationInput = {}) =>
    fileFindings({
      environment: readEnvironment({ SLUICE_DATA: directory, SLUICE_CONFIG: join(directory, 'sluice.yaml') }),
      databaseUrl: `sqlite:${join(directory, 'sluice.db')}`,
      configuration: configurationSchema.parse(configuration),
    });

  test('files that others can read are named, with the command that protects them', () => {
    chmodSync(directory, 0o755);
    mkdirSync(join(directory, 'redis'));
    mkdirSync(join(directory, 'logs'));
    const files = ['admin-key', 'key', 'redis/redis.json', 'sluice.db', 'sluice.db-wal', 'logs/api.log'];
    for (const name of files) writeFileSync(join(directory, name), 'x', { mode: 0o644 });
    const open = look();
    expect(open.filter(({ severity }) => severity === 'error').map(({ remedy }) => remedy)).toEqual(
      ['admin-key', 'key', 'redis/redis.json', 'sluice.db', 'sluice.db-wal'].map(
        (name) => `chmod 600 ${join(directory, name)}`,
      ),
    );
    expect(open.filter(({ severity }) => severity === 'warning')).toHaveLength(2);
    for (const name of files) chmodSync(join(directory, name), 0o600);
    chmodSync(directory, 0o700);
    expect(look()).toEqual([]);
  });

  test('a configuration readable by all is named if it contains a secret', () => {
    const configuration = {
      providers: { a: { base_url: 'https://a.example', protocols: ['openai-chat'], api_key: 'sk-written-out-1234' } },
    } satisfies ConfigurationInput;
    writeFileSync(join(directory, 'sluice.yaml'), 'api_key: ${KEY}', { mode: 0o644 });
    expect(look(configuration)).toEqual([]);
    writeFileSync(join(directory, 'sluice.yaml'), 'api_key: sk-written-out-1234');
    expect(look(configuration)).toMatchObject([{ severity: 'error', area: 'files' }]);
  });
});

describe('network', () => {
  const look = (server: ConfigurationInput['server'], host: string, adminHost: string | null) =>
    shown(
      listenFindings({
        listen: { host, port: 8080 },
        adminListen: adminHost === null ? null : { host: adminHost, port: 8081, isDefault: false },
        configuration: configurationSchema.parse({ server }),
        environment: readEnvironment({ SLUICE_ADMIN_KEY: 'admin-0123456789abcdef' }),
      }),
    );

  test('findings for a reachable admin API, clients without TLS, an unnamed proxy', () => {
    expect(look({}, '127.0.0.1', null)).toEqual([]);
    expect(look({}, '127.0.0.1', '0.0.0.0')).toEqual([
      expect.stringMatching(/^warning: administration .*0\.0\.0\.0:8081/),
    ]);
    expect(look({}, '0.0.0.0', '127.0.0.1')).toEqual([expect.stringMatching(/^warning: clients .*without TLS/)]);
    const behind = { public_url: 'https://llm.example', trusted_proxies: ['10.0.0.0/8'] };
    expect(look(behind, '0.0.0.0', '127.0.0.1')).toEqual([]);
    expect(look({ public_url: 'https://llm.example' }, '0.0.0.0', null)).toEqual([
      expect.stringMatching(/^note: .*trusted_proxies/),
    ]);
  });
});

test('findings for providers without TLS or without a price', () => {
  const at = (baseUrl: string, price = true) => {
    const configuration = configurationSchema.parse({
      providers: { own: { base_url: baseUrl, protocols: ['openai-chat'] } },
      models: {
        m: {
          deployments: [{ provider: 'own', model: 'my-own-1', ...(price ? { price: { input: 1, output: 1 } } : {}) }],
        },
      },
    });
    return shown(providerFindings(createCatalogue(configuration)));
  };
  expect(at('https://api.example/v1')).toEqual([]);
  expect(at('http://127.0.0.1:8000/v1')).toEqual([]);
  expect(at('http://api.example/v1')).toEqual([expect.stringMatching(/^error: own .*http:\/\/api\.example/)]);
  for (const host of ['10.1.2.3', '192.168.1.1', '172.20.0.1', 'vllm', 'vllm.default.svc.cluster.local'])
    expect(at(`http://${host}/v1`), host).toEqual([expect.stringMatching(/^warning/)]);
  expect(at('https://api.example/v1', false)).toEqual([expect.stringMatching(/^warning: no price .*my-own-1/)]);
});

test('checks this machine: Node.js, open files, clocks; and the exit code', () => {
  expect(nodeFindings('22.18.0')).toHaveLength(1);
  expect(['22.19.0', '24.0.0', '26.1.0'].flatMap(nodeFindings)).toEqual([]);
  expect(openFilesFindings(1_024)).toHaveLength(1);
  expect([null, 65_536].flatMap(openFilesFindings)).toEqual([]);
  expect(clockFindings('PostgreSQL', 300)).toEqual([]);
  expect(shown(clockFindings('PostgreSQL', 20_000))).toEqual([
    "error: the clock of PostgreSQL is 20.0 s ahead of this machine's",
  ]);
  const of = (...severities: Finding['severity'][]) =>
    exitCodeOf(severities.map((severity) => ({ severity, area: 'work', finding: '', remedy: '' })));
  expect([of(), of('note'), of('note', 'warning'), of('warning', 'error')]).toEqual([0, 0, 1, 2]);
});
