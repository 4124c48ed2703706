// What the description of the API says of one operation, and the words that the tables beside this file are written in. Every
// route has an entry in one of them (docs/adding-a-route.md); test/unit/api/openapi.test.ts names those that have none.
import { z } from 'zod';
import type { FailureCode } from '../../../contracts/failure-table.ts';

/** Whose error shape a client is answered in. */
export type ErrorShape = 'openai' | 'anthropic' | 'gemini';

/**
 * Which key is needed. `client`: a client's, wherever the protocols of `errors` have it. `operator`: the admin key on the
 * clients' listener, none on a listener of the operators' own; `reader`: there also a client's key will do.
 */
export type Access = 'client' | 'admin' | 'operator' | 'reader' | 'open';

/** A named schema; or events of a stream; or bytes. */
export type Content = z.ZodType | { events: z.ZodType; framing: string } | { bytes: string };

export interface Answer {
  description: string;
  /** By media type; absent: no body. */
  content?: Readonly<Record<string, Content>>;
  headers?: readonly string[];
}

export interface Operation {
  /** `METHOD /path` as the routes are registered; all of them have this entry, the first by its plain `id`. */
  routes: readonly string[];
  /** The path as it is described, where `:name` as `{name}` and `*` as `{name}` do not do. */
  pathOf?: (path: string) => string;
  /** What `*` stands for. */
  rest?: string;
  id: string;
  tag: string;
  summary: string;
  description?: string;
  access: Access;
  errors: readonly ErrorShape[];
  /** Of path parameters, where more is to be said than their name. */
  params?: Readonly<Record<string, string>>;
  query?: z.ZodObject;
  /** Request headers, of `REQUEST_HEADERS`. */
  headers?: readonly string[];
  body?: { content: Readonly<Record<string, Content>>; isOptional?: boolean; example?: object };
  answers: Readonly<Record<number, Answer>>;
  /** Outcomes beside those that its key, its body and its parameters can have. */
  failures?: readonly FailureCode[];
}

const registry = z.registry<{ id: string }>();

/** Gives a schema its place in `components.schemas`. */
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

/** As clients write it: defaults are not required, what a transformation makes of it is not shown. */
const WRITTEN = { io: 'input', unrepresentable: 'any' } as const;

/** All named schemas, as they may be sent and as they are answered. */
export function componentSchemas(): Record<string, JsonSchema> {
  const { schemas } = z.toJSONSchema(registry, { ...WRITTEN, uri: (id) => PREFIX + id });
  return Object.fromEntries(Object.entries(schemas).map(([id, schema]) => [id, withoutMeta(schema)]));
}

/** A schema without a name, in place: of a parameter. */
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

/** Entries that share where they belong. */
export function group(common: Group, entries: readonly Entry[]): Operation[] {
  return entries.map((entry) => ({ ...common, ...entry }));
}

/** The same operation under each of several prefixes. */
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

/** Administration: the tag is each entry's own. */
export const ADMIN: Group = { tag: 'keys', access: 'admin', errors: ['openai'] };

export function created(schema: z.ZodType, description: string): Readonly<Record<number, Answer>> {
  return { 201: { description, content: json(schema) } };
}

export const deleted = named('Deleted', z.object({ id: z.string(), deleted: z.literal(true) }));
