import { describe, expect, test } from 'vitest';
import { createCatalogue } from '#src/config/catalogue.ts';
import { checkReferences } from '#src/config/check-references.ts';
import { ConfigurationError, parseConfiguration } from '#src/config/load.ts';

const variables = { OPENAI_API_KEY: 'sk-1', EMPTY: '' };

function faults(text: string): string[] {
  try {
    parseConfiguration(text, 'sluice.yaml', variables);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message.split('\n');
  }
}

test('the example of the design page is valid', () => {
  const configuration = parseConfiguration(
    `
server:    { host: 127.0.0.1, port: 8080 }
redis:     { url: "redis://localhost:6379" }
database:  { url: "postgres://localhost/sluice" }
providers:
  openai:
    protocols: [openai-chat, openai-responses, openai-embeddings]
    base_url: https://api.openai.com/v1
    api_key: \${OPENAI_API_KEY}
    limits:   { rpm: 5000, tpm: 2000000, concurrency: 200 }
    timeouts: { connect_ms: 5000, first_byte_ms: 60000, idle_ms: 30000, total_ms: 600000 }
    retries:  { max: 2, base_ms: 500, max_ms: 20000 }
  azure: { protocols: [openai-chat], base_url: https://example.openai.azure.com, api_key: "\${NOT_SET:-fallback}" }
  anthropic: { protocols: [anthropic-messages], base_url: https://api.anthropic.com, api_key: "\${OPENAI_API_KEY}" }
models:
  gpt-4o:
    deployments:
      - { provider: openai, model: gpt-4o-2024-11-20, tier: 1, weight: 1 }
      - { provider: azure,  model: gpt-4o, tier: 2, limits: { rpm: 300 }, price: { input: 2.5, cached_input: 1.25, output: 10 } }
    fallbacks: [claude-sonnet]
  claude-sonnet: { deployments: [{ provider: anthropic, model: claude-sonnet-4-5 }] }
  "openai/*": { deployments: [{ provider: openai, model: "*" }] }
`,
    'sluice.yaml',
    variables,
  );
  expect(checkReferences(configuration)).toEqual([]);
  expect(configuration.providers.azure?.api_key).toBe('fallback');
  const catalogue = createCatalogue(configuration);
  expect(catalogue.providers.get('openai')).toMatchObject({
    dialect: { apiKey: 'sk-1' },
    scope: {
      name: 'provider:openai',
      limits: { requestsPerMinute: 5000, tokensPerMinute: 2_000_000, concurrency: 200 },
    },
  });
});

test('every error is reported at once, each with its line', () => {
  expect(
    faults(`server: { port: 99999 }
providers:
  OpenAI: { base_url: nonsense }
  openai:
    api_key: \${MISSING}
    limts: { rpm: 1 }
models:
  gpt-4o:
    deployments:
      - { provider: openai }
`),
  ).toEqual([
    expect.stringMatching(/^sluice\.yaml:1: server\.port: /),
    expect.stringMatching(/^sluice\.yaml:3: providers\.OpenAI\.base_url: /),
    expect.stringMatching(/^sluice\.yaml:3: providers\.OpenAI: bad name: /),
    expect.stringMatching(/^sluice\.yaml:5: environment variable MISSING is not set$/),
    expect.stringMatching(/^sluice\.yaml:6: providers\.openai\.limts: unknown setting$/),
    expect.stringMatching(/^sluice\.yaml:10: models\.gpt-4o\.deployments\.0\.model: /),
  ]);
});

test('an empty variable counts as not set', () => {
  expect(faults('providers: { openai: { api_key: "${EMPTY}" } }')).toEqual([
    'sluice.yaml:1: environment variable EMPTY is not set',
  ]);
});

test('invalid YAML is reported with its line', () => {
  expect(faults('server:\n  port: [1,\nmodels: }')[0]).toMatch(/^sluice\.yaml:\d+: /);
});

describe('dead references', () => {
  const references = (text: string) =>
    checkReferences(parseConfiguration(text, 'x', variables)).map(({ path, message }) => `${path}: ${message}`);

  test.each([
    [
      'a model on a provider that is not there',
      'models: { a: { deployments: [{ provider: nope, model: m }] } }',
      'models.a.deployments.0.provider: no provider "nope" is configured',
    ],
    [
      'a provider that is no preset and has no address',
      'providers: { acme: { protocols: [openai-chat] } }',
      'providers.acme.base_url: missing: set it, or name a preset',
    ],
    [
      'a fallback to an unknown model',
      'providers: { openai: {} }\nmodels: { a: { deployments: [{ provider: openai, model: m }], fallbacks: [b] } }',
      'models.a.fallbacks.0: no model "b" is configured',
    ],
    [
      'a fallback that every object has, but no configuration',
      'providers: { openai: {} }\nmodels: { a: { deployments: [{ provider: openai, model: m }], fallbacks: [constructor] } }',
      'models.a.fallbacks.0: no model "constructor" is configured',
    ],
    [
      'a provider of such a name',
      'models: { a: { deployments: [{ provider: constructor, model: m }] } }',
      'models.a.deployments.0.provider: no provider "constructor" is configured',
    ],
    [
      'a preset of such a name',
      'providers: { constructor: { protocols: [openai-chat] } }',
      'providers.constructor.base_url: missing: set it, or name a preset',
    ],
    [
      'one id for two different deployments',
      'providers: { openai: {} }\nmodels: { a: { deployments: [{ provider: openai, model: m }, { provider: openai, model: m, limits: { rpm: 1 } }] } }',
      'models.a.deployments.1: two different deployments are called "openai/m": set a different id on one of them',
    ],
    [
      'a wildcard deployment under a plain name',
      'providers: { openai: {} }\nmodels: { a: { deployments: [{ provider: openai, model: "*" }] } }',
      'models.a.deployments.0.model: a wildcard is only allowed if the model’s name has one',
    ],
  ])('%s', (_name, text, expected) => {
    expect(references(text)).toEqual([expected]);
  });
});
