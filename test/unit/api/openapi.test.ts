// The OpenAPI document is complete: valid OpenAPI, an entry for every route and no others, and up-to-date generated types.
// test/e2e/openapi.test.ts checks that it is correct.
import { readFileSync } from 'node:fs';
import { Validator } from '@seriousme/openapi-schema-validator';
import { beforeAll, describe, expect, test } from 'vitest';
import type { OpenApiDocument } from '#src/api/describe/openapi/document.ts';
import { adminDocument, describeApi, describedInVain, undescribed } from '#src/api/describe/openapi/operations.ts';
import { fixtures as anthropic } from '#test/fixtures/protocols/anthropic-messages.ts';
import { fixtures as gemini } from '#test/fixtures/protocols/gemini-generate-content.ts';
import { fixtures as chat } from '#test/fixtures/protocols/openai-chat.ts';
import { fixtures as responses } from '#test/fixtures/protocols/openai-responses.ts';
import { offeredRoutes, operationsOf, schemaChecker } from '#test/support/openapi.ts';
import { adminTypes } from '../../../scripts/admin-types.ts';

const HOW = 'docs/adding-a-route.md says how';

let routes: Awaited<ReturnType<typeof offeredRoutes>>;
let documents: Record<string, OpenApiDocument>;
beforeAll(async () => {
  routes = await offeredRoutes();
  documents = {
    shared: describeApi(routes.clients, 'clients'),
    operators: describeApi(routes.operators, 'operators'),
    generated: adminDocument(),
  };
});

test('every route is described', () => {
  const missing = undescribed([...routes.clients, ...routes.operators]);
  const sentences = missing.map(
    (route) => `${route} is not described: add an entry to a table in src/api/describe/openapi (${HOW}).`,
  );
  expect(sentences).toEqual([]);
});

test('every described route exists', () => {
  const all = new Set([...routes.clients, ...routes.operators]);
  expect(describedInVain(all).map((route) => `${route} is described and is no route.`)).toEqual([]);
});

test('the admin listener’s document has the complete admin API, the clients’ document without it has none of it', () => {
  const paths = Object.keys(documents.operators!.paths);
  expect(paths).toEqual(expect.arrayContaining(['/admin/keys', '/metrics', '/openapi.json', '/readyz']));
  expect(paths.filter((path) => path.startsWith('/v1'))).toEqual([]);
  expect(documents.operators).toEqual(documents.generated);
  const clientsOnly = describeApi(
    [...routes.clients].filter((route) => !/ \/(admin|metrics)/.test(route)),
    'clients',
  );
  expect(Object.keys(clientsOnly.paths).filter((path) => /^\/(admin|metrics)/.test(path))).toEqual([]);
  expect(clientsOnly.components.schemas).not.toHaveProperty('Key');
});

test.each(['shared', 'operators'])('the %s document is valid OpenAPI 3.1', async (name) => {
  const { valid, errors } = await new Validator().validate(structuredClone(documents[name]!) as never);
  expect(errors ?? []).toEqual([]);
  expect(valid).toBe(true);
});

describe('every operation', () => {
  const everywhere = () => ['shared', 'operators'].flatMap((name) => operationsOf(documents[name]!));

  test('has a summary, a described tag, security, a response and errors', () => {
    const tags = new Set(Object.values(documents).flatMap((document) => document.tags.map(({ name }) => name)));
    for (const { name, operation } of everywhere()) {
      expect(operation.summary, name).toMatch(/^[A-Z].{7,}/);
      expect(tags, name).toContain(operation.tags[0]);
      expect(operation.security, name).toBeInstanceOf(Array);
      const statuses = Object.keys(operation.responses);
      expect(
        statuses.some((status) => /^[12]/.test(status)),
        name,
      ).toBe(true);
      expect(
        statuses.some((status) => /^[45]/.test(status)),
        name,
      ).toBe(true);
    }
  });

  test('of the admin API requires the admin key, of clients a client key', () => {
    for (const { name, path, operation } of everywhere()) {
      const keys = operation.security.flatMap((scheme) => Object.keys(scheme));
      // A user who wants to sign in has no key yet.
      if (path.startsWith('/admin') && path !== '/admin/sign-in') expect(keys, name).toEqual(['adminKey']);
      if (/^\/(openai\/)?v1/.test(path)) expect(keys, name).toContain('clientKey');
      if (keys.length > 0) expect(operation.responses, name).toHaveProperty('401');
    }
  });

  test('has a unique id in its document, and the parameters of its path', () => {
    for (const name of ['shared', 'operators']) {
      const operations = operationsOf(documents[name]!);
      const ids = operations.map(({ operation }) => operation.operationId);
      expect(new Set(ids).size).toBe(ids.length);
      for (const { path, operation } of operations) {
        const inPath = operation.parameters.filter((parameter) => parameter.in === 'path').map((one) => one.name);
        expect(
          inPath.map((one) => `{${one}}`),
          path,
        ).toEqual(path.match(/\{\w+\}/g) ?? []);
        expect(path).not.toMatch(/[*:](?!\w+$)|\{\*/);
      }
    }
  });

  test('that accepts a body describes it', () => {
    const silent = everywhere().filter(
      ({ method, path, operation }) =>
        ['post', 'patch'].includes(method) &&
        operation.requestBody === undefined &&
        !/(cancel|enable|replay|session)$/.test(path),
    );
    expect(silent.map(({ name }) => name)).toEqual([]);
  });

  test('has only examples that are accepted', () => {
    const check = schemaChecker(documents.shared!);
    const shown = operationsOf(documents.shared!).flatMap(({ name, operation }) =>
      Object.values(operation.requestBody?.content ?? {}).flatMap(({ schema, example }) =>
        example === undefined ? [] : [{ name, faults: check(schema, example) }],
      ),
    );
    expect(shown.length).toBeGreaterThan(15);
    expect(shown.filter(({ faults }) => faults.length > 0)).toEqual([]);
  });

  test('refers to existing schemas', () => {
    for (const document of Object.values(documents)) {
      const names = [...JSON.stringify(document).matchAll(/"#\/components\/(\w+)\/([\w-]+)"/g)];
      for (const [, kind, name] of names) expect(document.components[kind!], `${kind} ${name}`).toHaveProperty(name!);
    }
  });
});

describe('requests of the protocols’ own tests match the description', () => {
  const bodies = {
    MessagesRequest: anthropic,
    GenerateContentRequest: gemini,
    ChatCompletionRequest: chat,
    ResponsesRequest: responses,
  };

  test.each(Object.entries(bodies))('%s', (schema, { requests }) => {
    const check = schemaChecker(documents.shared!);
    const named = { model: 'some-model', max_tokens: 16 };
    for (const [name, body] of Object.entries(requests)) {
      expect(check({ $ref: `#/components/schemas/${schema}` }, { ...named, ...body }), name).toEqual([]);
    }
    expect(check({ $ref: `#/components/schemas/${schema}` }, { model: 7 })).not.toEqual([]);
  });
});

test('src/contracts/admin-api.ts is up to date: npm run generate', () => {
  const committed = readFileSync(new URL('../../../src/contracts/admin-api.ts', import.meta.url), 'utf8');
  expect(committed === adminTypes()).toBe(true);
});
