// The form of an OpenAPI entry, and helpers for the tables in this folder. Every route has an entry (docs/adding-a-route.md);
// test/unit/api/openapi.test.ts names the routes without one.
import { z } from 'zod';
import type { FailureCode } from '../../../contracts/failure-table.ts';

/** The protocols whose error shapes the route uses. */
export type ErrorShape = 'openai' | 'anthropic' | 'gemini';

/**
 * The key that is needed. `client`: a client key, in the places that the protocols of `errors` use. `operator`: an admin key on
 * the clients' listener, none on a separate admin listener; `reader`: like `operator`, but a client key is accepted as well.
 */
export type Access = 'client' | 'admin' | 'operator' | 'reader' | 'open';

/** A named schema, stream events, or bytes. */
export type Content = z.ZodType | { events: z.ZodType; framing: string } | { bytes: string };

export interface Answer {
  description: string;
  /** By media type; absent if there is no body. */
  content?: Readonly<Record<string, Content>>;
  headers?: readonly string[];
}

export interface Operation {
  /** `METHOD /path` of the registered routes that share this entry; the first one gets the plain `id`. */
  routes: readonly string[];
  /** The described path, if replacing `:name` and `*` by `{name}` is not enough. */
  pathOf?: (path: string) => string;
  /** Name of the parameter that `*` matches. */
  rest?: string;
  id: string;
  tag: string;
  summary: string;
  description?: string;
  access: Access;
  errors: readonly ErrorShape[];
  /** Descriptions of path parameters whose names are not enough. */
  params?: Readonly<Record<string, string>>;
  query?: z.ZodObject;
  /** Request headers, of `REQUEST_HEADERS`. */
  headers?: readonly string[];
  body?: { content: Readonly<Record<string, Content>>; isOptional?: boolean; example?: object };
  answers: Readonly<Record<number, Answer>>;
  /** Outcomes beside those caused by the key, the body and the parameters. */
  failures?: readonly FailureCode[];
}

const registry = z.registry<{ id: string }>();

/** Registers a schema under `components.schemas`. */
export function named<T extends z.ZodType>(id: string, schema: T): T {
  registry.add(schema, { id });
  return schema;
}

export function nameOf(schema: z.ZodType): string {
  const id = registry.get(schema)?.id;
  if (id === undefined) throw new Error('a schema of the API description has no name: wrap it in named()');
  return id;
}

export type JsonSchema = Record<string, unknown>;

const PREFIX = '#/components/schemas/';

export function refTo(schema: z.ZodType): JsonSchema {
  return { $ref: PREFIX + nameOf(schema) };
}

/** The input side of a schema: fields with defaults are optional, transformations are not shown. */
const WRITTEN = { io: 'input', unrepresentable: 'any' } as const;

/** All named schemas, as input and as output. */
export function componentSchemas(): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, { ...WRITTEN, uri: (id) => PREFIX + id });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutMeta(schema)]));
}

/** An inline schema, for a parameter. */
export function inlineSchema(schema: z.ZodType): JsonSchema {
  return withoutMeta(z.toJSONSchema(schema, WRITTEN));
}

function withoutMeta(schema: object): JsonSchema {
  const { $schema: _schema, $id: _id, ...rest } = schema as JsonSchema;
  return rest;
}

export const JSON_TYPE = 'application/json';
export const EVENTS_TYPE = 'text/event-stream';

export function json(schema: z.ZodType): Readonly<Record<string, Content>> {
  return { [JSON_TYPE]: schema };
}

export function ok(schema: z.ZodType, description = 'Done.'): Readonly<Record<number, Answer>> {
  return { 200: { description, content: json(schema) } };
}

export interface Group {
  tag: string;
  access: Access;
  errors: readonly ErrorShape[];
}

type Entry = Omit<Operation, keyof Group> & Partial<Group>;

/** Entries that share a tag. */
export function group(common: Group, entries: readonly Entry[]): Operation[] {
  return entries.map((entry) => ({ ...common, ...entry }));
}

/** The same operation under several path prefixes. */
export function under(prefixes: readonly string[], method: string, path: string): string[] {
  return prefixes.map((prefix) => `${method} ${prefix}${path}`);
}

export const listOf = <T extends z.ZodType>(item: T) =>
  z.object({
    object: z.literal('list'),
    data: z.array(item),
    first_id: z.string().nullable(),
    last_id: z.string().nullable(),
    has_more: z.boolean(),
  });

/** Entries of the admin API, each with its own tag. */
export const ADMIN: Group = { tag: 'keys', access: 'admin', errors: ['openai'] };

export function created(schema: z.ZodType, description: string): Readonly<Record<number, Answer>> {
  return { 201: { description, content: json(schema) } };
}

export const deleted = named('Deleted', z.object({ id: z.string(), deleted: z.literal(true) }));
