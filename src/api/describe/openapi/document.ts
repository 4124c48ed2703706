// Builds the OpenAPI document of a listener from the entries of its routes.
import { FAILURES, type FailureCode } from '../../../contracts/failure-table.ts';
import {
  type Access,
  type Content,
  componentSchemas,
  inlineSchema,
  JSON_TYPE,
  type JsonSchema,
  type Operation,
  refTo,
} from './operation.ts';
import { ERROR_SCHEMAS, REQUEST_HEADERS, RESPONSE_HEADERS, SECURITY, SECURITY_SCHEMES } from './parts.ts';

/** `operators`: a separate admin listener, whose description needs no key. */
export type Listener = 'clients' | 'operators';

export interface OpenApiDocument {
  openapi: string;
  info: object;
  servers: object[];
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, JsonSchema>>;
  components: { schemas: Record<string, JsonSchema> } & Record<string, object>;
}

export interface DocumentInput {
  operations: readonly Operation[];
  tags: Readonly<Record<string, string>>;
  /** `METHOD /path` of every route of the listener; other entries are left out. */
  routes: ReadonlySet<string>;
  listener: Listener;
}

export function buildDocument({ operations, tags, routes, listener }: DocumentInput): OpenApiDocument {
  const paths: OpenApiDocument['paths'] = {};
  for (const operation of operations) {
    for (const [at, route] of operation.routes.entries()) {
      if (!routes.has(route)) continue;
      const [method, url] = split(route);
      const path = describedPath(operation, url);
      paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation, at, path, listener) };
    }
  }
  const used = new Set(operations.filter((one) => one.routes.some((route) => routes.has(route))).map(({ tag }) => tag));
  return withUsedSchemas({
    openapi: '3.1.1',
    info: {
      title: 'Sluice',
      version: '1',
      description: INTRODUCTION,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: '/', description: 'This listener.' }],
    tags: Object.entries(tags).flatMap(([name, description]) => (used.has(name) ? [{ name, description }] : [])),
    paths,
    components: { schemas: componentSchemas(), headers: RESPONSE_HEADERS, securitySchemes: SECURITY_SCHEMES },
  });
}

const INTRODUCTION =
  'A durable request broker for large language models. In requests of every protocol, only the parameters that the broker ' +
  'needs are checked; all others are passed to the provider unchanged. Errors have the format of the protocol of the request.';

function split(route: string): [method: string, url: string] {
  const space = route.indexOf(' ');
  return [route.slice(0, space), route.slice(space + 1)];
}

export function describedPath({ pathOf, rest = 'name' }: Operation, url: string): string {
  const templated = url.replace(/:(\w+)/g, '{$1}').replace('*', `{${rest}}`);
  return pathOf === undefined ? templated : pathOf(templated);
}

function describe(operation: Operation, at: number, path: string, listener: Listener): JsonSchema {
  const { id, tag, summary, description, body } = operation;
  const [, firstUrl] = split(operation.routes[0]!);
  const alias = at === 0 ? '' : `Alias of ${describedPath(operation, firstUrl)}.`;
  const words = [description, alias].filter((part) => part).join(' ');
  return {
    operationId: at === 0 ? id : `${id}_${at + 1}`,
    tags: [tag],
    summary,
    ...(words === '' ? {} : { description: words }),
    security: securityOf(operation, listener),
    parameters: parametersOf(operation, path),
    ...(body === undefined
      ? {}
      : { requestBody: { required: body.isOptional !== true, content: describeContent(body.content, body.example) } }),
    responses: { ...answersOf(operation), ...failuresOf(operation, path, listener) },
  };
}

function securityOf({ access, errors }: Operation, listener: Listener): object[] {
  const client = [...new Set(errors.flatMap((shape) => SECURITY[shape]))].map((name) => ({ [name]: [] }));
  const admin = [{ adminKey: [] }];
  if (isOpen(access, listener)) return [];
  if (access === 'client') return client;
  return access === 'reader' ? [...admin, ...client] : admin;
}

function isOpen(access: Access, listener: Listener): boolean {
  return access === 'open' || (listener === 'operators' && access !== 'admin' && access !== 'client');
}

function parametersOf({ params = {}, query, headers = [] }: Operation, path: string): object[] {
  const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!);
  const inPath = names.map((name) => ({
    name,
    in: 'path',
    required: true,
    ...(params[name] === undefined ? {} : { description: params[name] }),
    schema: { type: 'string' },
  }));
  const schema = query === undefined ? {} : (inlineSchema(query) as { properties?: object; required?: string[] });
  const inQuery = Object.entries(schema.properties ?? {}).map(([name, member]) => ({
    name,
    in: 'query',
    ...(schema.required?.includes(name) ? { required: true } : {}),
    schema: member,
  }));
  const inHead = headers.map((name) => ({ name, in: 'header', ...REQUEST_HEADERS[name] }));
  return [...inPath, ...inQuery, ...inHead];
}

function describeContent(content: Readonly<Record<string, Content>>, example?: object): object {
  const shown = example === undefined ? {} : { example };
  return Object.fromEntries(Object.entries(content).map(([type, one]) => [type, { schema: schemaOf(one), ...shown }]));
}

function schemaOf(shown: Content): JsonSchema {
  if ('bytes' in shown) return { type: 'string', format: 'binary', description: shown.bytes };
  if ('events' in shown) return { type: 'string', description: shown.framing, 'x-event': refTo(shown.events) };
  return refTo(shown);
}

function answersOf({ answers }: Operation): object {
  const described = Object.entries(answers).map(([status, { description, content, headers = [] }]) => [
    status,
    {
      description,
      ...(headers.length === 0 ? {} : { headers: headerRefs(headers) }),
      ...(content === undefined ? {} : { content: describeContent(content) }),
    },
  ]);
  return Object.fromEntries(described);
}

function headerRefs(names: readonly string[]): object {
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

const WITH_KEY: FailureCode[] = ['key_invalid', 'too_many_wrong_keys', 'queue_unavailable'];
const WITH_BODY: FailureCode[] = [
  ...(['request_malformed', 'request_invalid', 'parameter_missing', 'body_too_slow'] as const),
  ...(['request_too_large', 'content_type_unsupported'] as const),
];
const WITH_WAIT = new Set(['429', '503']);

/** Failure codes are those of docs/failures.md; each protocol has its own shape for them. */
function failuresOf(operation: Operation, path: string, listener: Listener): object {
  const { access, body, query, failures = [], errors, answers } = operation;
  const codes = new Set<FailureCode>([
    ...(isOpen(access, listener) ? [] : WITH_KEY),
    ...(body === undefined ? [] : WITH_BODY),
    ...(query === undefined ? [] : (['request_invalid'] as const)),
    ...(path.includes('{') ? (['request_not_found'] as const) : []),
    ...failures,
    'internal',
  ]);
  const byStatus = Map.groupBy(codes, (code) => String(FAILURES[code].status));
  const described = [...byStatus].map(([status, some]) => [
    status,
    {
      description: `Refused or failed: ${some.join(', ')}.`,
      headers: headerRefs(WITH_WAIT.has(status) ? ['x-request-id', 'retry-after'] : ['x-request-id']),
      content: { [JSON_TYPE]: { schema: oneOf(errors.map((shape) => refTo(ERROR_SCHEMAS[shape]))) } },
    },
  ]);
  // Probes have their own shape for a 503.
  return Object.fromEntries(described.filter(([status]) => !(String(status) in answers)));
}

function oneOf(schemas: readonly JsonSchema[]): JsonSchema {
  return schemas.length === 1 ? schemas[0]! : { anyOf: schemas };
}

/** Removes schemas that only the other listener uses. */
function withUsedSchemas(document: OpenApiDocument): OpenApiDocument {
  const { schemas } = document.components;
  const used = new Set<string>();
  const visit = (value: unknown) => {
    for (const [, name] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      if (used.has(name!)) continue;
      used.add(name!);
      visit(schemas[name!]);
    }
  };
  visit(document.paths);
  const kept = Object.entries(schemas).filter(([name]) => used.has(name));
  kept.sort(([a], [b]) => (a < b ? -1 : 1));
  return { ...document, components: { ...document.components, schemas: Object.fromEntries(kept) } };
}
