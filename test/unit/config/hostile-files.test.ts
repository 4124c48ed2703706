// Symptom: a wrong file ended the process (or its reload) with a stack trace, lost part of itself unnoticed, or became a failure of
// every request. Cause: YAML can say more than a configuration can mean, and values were not bounded by what they are used for.
// Fix: src/config/yaml-source.ts, src/config/value-schema.ts. Every fault has a line.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ConfigurationError, loadConfiguration } from '#src/config/load.ts';

let directory: string;

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'sluice-config-'));
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Line and message of each fault; empty for a valid file. */
function faultsOf(content: string | Buffer): string[] {
  const path = join(directory, 'sluice.yaml');
  writeFileSync(path, content);
  return faultsAt(path);
}

function faultsAt(path: string): string[] {
  try {
    loadConfiguration(path, { KEY: 'sk-1', BROKEN: 'sk-1\n' });
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.faults.map(({ line, path: at, message }) => `${line}: ${at === '' ? '' : `${at}: `}${message}`);
  }
}

const PROVIDER = 'providers: { a: { protocols: [openai-chat], base_url: "http://127.0.0.1:1/v1", api_key: k } }\n';
const nine = (of: string) => Array(9).fill(`*${of}`).join(', ');
const aliases = (name: string, of: string) => `${name}: &${name} [${nine(of)}]\n`;
const merges = (name: string, of: string) => `${name}: &${name} { <<: [${nine(of)}] }\n`;

describe('what YAML allows and a configuration cannot mean', () => {
  test.each([
    ['an alias of nothing', 'server:\n  port: *none\n', ['2: no anchor &none stands before this alias']],
    ['an alias inside of itself', 'models: &all\n  a: *all\n', ['2: the alias *all is inside of what it stands for']],
    [
      'a merge of a list inside of itself',
      'a: &x [*x]\nb:\n  <<: *x\n',
      ['1: the alias *x is inside of what it stands for', '3: << must be followed by an alias of a map'],
    ],
    [
      'aliases that grow beyond any memory',
      `x: &x [1]\n${aliases('a', 'x')}${aliases('b', 'a')}${aliases('c', 'b')}${aliases('d', 'c')}${aliases('e', 'd')}${aliases('f', 'e')}`,
      ['2: its aliases (*name) expand to too many values'],
    ],
    [
      'merges that grow beyond any memory',
      `x: &x { k: 1 }\n${merges('a', 'x')}${merges('b', 'a')}${merges('c', 'b')}${merges('d', 'c')}${merges('e', 'd')}${merges('f', 'e')}`,
      ['2: its aliases (*name) expand to too many values'],
    ],
    ['a merge of no map', 'server:\n  <<: 5\n', ['2: << must be followed by an alias of a map']],
    [
      'the tag of another tool',
      'providers:\n  a:\n    api_key: !env KEY\n',
      ['3: the tag !env is not supported; for an environment variable write ${NAME}'],
    ],
    ['a set', 'server: !!set { a, b }\n', [expect.stringMatching(/^1: the tag !!set is not supported/)]],
    ['a name that every object has', `${PROVIDER}models:\n  __proto__: {}\n`, ['3: __proto__ is not a possible name']],
    ['a name that is a map', '? { a: 1 }\n: 2\n', ['1: a name must be a text']],
    ['a name that is a number', 'server: {}\n5: 6\n', ['2: 5: unknown setting']],
    ['two documents', 'server: {}\n---\nserver: {}\n', [expect.stringMatching(/^2: only one document is allowed/)]],
    ['a list', '# a list\n- server\n', [expect.stringMatching(/^2: Invalid input: expected object/)]],
    ['a deep text', `server: ${'['.repeat(3_000)}`, expect.arrayContaining(['1: nested too deeply'])],
    [
      'a default that is a variable',
      'redis: { url: "${NONE:-${KEY}}" }\n',
      expect.arrayContaining([expect.stringMatching(/^1: "\$\{" does not begin a variable/)]),
    ],
    [
      'bytes that are no text',
      Buffer.from([0xff, 0xfe, 0, 0x80]),
      [expect.stringMatching(/^null: not a text in UTF-8/)],
    ],
    [
      'a LiteLLM file with such a name',
      'model_list: [{ model_name: __proto__, litellm_params: { model: openai/x } }]\n',
      ['null: __proto__ is not a possible name'],
    ],
  ])('%s', (_name, content, faults) => {
    expect(faultsOf(content)).toEqual(faults);
  });

  test('a folder in place of a file', () => {
    expect(faultsAt(directory)).toEqual(['null: cannot be read (EISDIR)']);
  });

  test.each([
    ['an alias', '*d'],
    ['a merge', '{ <<: *d, model: y }'],
  ])('one anchor can be used 150 times by %s', (_name, use) => {
    const models = Array.from({ length: 150 }, (_, at) => `  m${at}: { deployments: [${use}] }\n`).join('');
    const first = '  first: { deployments: [&d { provider: a, model: x }] }\n';
    expect(faultsOf(`${PROVIDER}models:\n${first}${models}`)).toEqual([]);
  });

  test('maps can be merged, and aliases can be used twice', () => {
    const one = '&one { protocols: [openai-chat], base_url: "http://127.0.0.1:1/v1" }';
    expect(faultsOf(`providers:\n  a: ${one}\n  b: { <<: *one, api_key: "\${KEY}" }\n  c: *one\n`)).toEqual([]);
  });
});

test('a reference that leads nowhere has its line, whatever dots and slashes the names have', () => {
  const models = `models:
  "gpt-4.1":
    deployments:
      - { provider: a, model: x }
      - { provider: b.c, model: x }
  gpt-4:
    deployments: [{ provider: a, model: x }]
    fallbacks:
      - gpt-4.1
      - gpt-5
  "x/*":
    hedge: { after_ms: 5 }
    deployments:
      - provider: a
        model: "*"
`;
  expect(faultsOf(`${PROVIDER}${models}`.replace('b.c', 'bc'))).toEqual([
    '6: models.gpt-4.1.deployments.1.provider: no provider "bc" is configured',
    '11: models.gpt-4.fallbacks.1: no model "gpt-5" is configured',
    expect.stringMatching(/^13: models\.x\/\*\.hedge: hedging needs a second deployment/),
  ]);
});

describe('a value that cannot work is a fault of the file', () => {
  const provider = (members: string) => PROVIDER.replace('api_key: k', members);
  const price = (rates: string) =>
    `${PROVIDER}models: { m: { deployments: [{ provider: a, model: x, price: { ${rates} } }] } }\n`;
  test.each([
    ['a key with a line break', provider('api_key: "${BROKEN}"'), /^1: providers\.a\.api_key: must be one line/],
    ['a key with other characters', provider('api_key: "schlüssel"'), /^1: providers\.a\.api_key: must be one line/],
    ['a bad header name', provider('headers: { "x y": z }'), /^1: providers\.a\.headers\.x y: is not the name/],
    ['a bad header value', provider('headers: { x: "a\\r\\nb: c" }'), /^1: providers\.a\.headers\.x: must be one line/],
    [
      'a header of the connection',
      provider('headers: { Content-Length: "5" }'),
      /cannot be set: it belongs to the conn/,
    ],
    [
      'a base URL with a query',
      PROVIDER.replace('/v1', '/v1?api-version=1'),
      /^1: providers\.a\.base_url: must not have/,
    ],
    [
      'a base URL with a password',
      PROVIDER.replace('http://', 'http://u:p@'),
      /^1: providers\.a\.base_url: must not have/,
    ],
    ['a provider that vendor: auto would mean', PROVIDER.replace('{ a:', '{ auto:'), /^1: providers\.auto: bad name/],
    [
      'a model no request can name',
      `${PROVIDER}models: { "${'m'.repeat(300)}": { deployments: [{ provider: a, model: x }] } }`,
      /at most 256 characters/,
    ],
    ['a wait that timers cut to nothing', 'server: { body_ms: 3000000000 }', /^1: server\.body_ms: Too big/],
    [
      'a body that no text can hold',
      'server: { body_limit_bytes: 1000000000000 }',
      /^1: server\.body_limit_bytes: Too big/,
    ],
    ['a price the ledger has no room for', price('input: 1.0e+30, output: 1'), /^2: .*price\.input: Too big/],
  ])('%s', (_name, content, fault) => {
    expect(faultsOf(content)).toEqual(expect.arrayContaining([expect.stringMatching(fault)]));
  });
});

test('thousands of models are read in seconds, each with a fallback', () => {
  const model = (at: number) => `  m${at}: { deployments: [{ provider: a, model: x }], fallbacks: [m0] }\n`;
  const content = `${PROVIDER}models:\n${Array.from({ length: 5_000 }, (_, at) => model(at)).join('')}`;
  expect(faultsOf(content)).toEqual([]);
});
