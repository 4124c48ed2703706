// OpenAI's published schemas, if the machine has the specification (it is not part of this repository): the broker's answers
// are checked against them. SLUICE_OPENAI_SPEC names the file; otherwise it is searched next to the checkout.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { parse } from 'yaml';

type Schema = Record<string, unknown>;

export interface OpenaiSchemas {
  /** Errors of a value, as text; empty if there are none. */
  faultsOf(schema: string, value: unknown): string[];
}

const DEFAULT_PATH = fileURLToPath(new URL('../../../shared/specs/openai-openapi.yaml', import.meta.url));
const PATH = process.env.SLUICE_OPENAI_SPEC ?? DEFAULT_PATH;

export const hasOpenaiSchemas = existsSync(PATH);

/** The live API sends null for absent members; the specification only makes them optional. */
const NULLS_ALLOWED = ['Batch', 'OpenAIFile'];
const PREFIX = '#/components/schemas/';

export function loadOpenaiSchemas(): OpenaiSchemas {
  const schemas = readSchemas();
  for (const name of NULLS_ALLOWED) allowNulls(schemas[name]!);
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (on: Ajv2020) => void)(ajv);
  ajv.addFormat('unixtime', true);
  ajv.addSchema({ $id: 'openai', components: { schemas } });
  return {
    faultsOf(schema, value) {
      const validate = ajv.getSchema(`openai${PREFIX}${schema}`);
      if (validate === undefined) throw new Error(`the specification has no schema ${schema}`);
      validate(value);
      return (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath || '/'} ${message}`);
    },
  };
}

export interface OpenaiDocument {
  paths: Record<string, Record<string, OpenaiOperation>>;
  components: { schemas: Record<string, Schema> };
}

interface OpenaiOperation {
  parameters?: { name: string; in: string; schema: Schema }[];
  requestBody?: { content: Record<string, { schema: Schema }> };
}

const readSchemas = () => loadOpenaiDocument().components.schemas;

/** Three megabytes of YAML take seconds to parse: the result is kept outside of the checkout. */
export function loadOpenaiDocument(): OpenaiDocument {
  const text = readFileSync(PATH);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const kept = join(tmpdir(), `sluice-openai-document-${digest}.json`);
  if (existsSync(kept)) return JSON.parse(readFileSync(kept, 'utf8')) as OpenaiDocument;
  const { paths, components } = parse(text.toString(), { maxAliasCount: -1 }) as OpenaiDocument;
  const document = { paths, components: { schemas: foldNullable(components.schemas) } };
  // Two test processes may do this at once.
  writeFileSync(`${kept}.${process.pid}`, JSON.stringify(document));
  renameSync(`${kept}.${process.pid}`, kept);
  return document as OpenaiDocument;
}

/** `nullable` belongs to OpenAPI 3.0; a validator of 3.1 needs a union instead. */
function foldNullable(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(foldNullable);
  if (typeof value !== 'object' || value === null) return value;
  const { nullable, ...rest } = Object.fromEntries(
    Object.entries(value).map(([key, member]) => [key, foldNullable(member)]),
  ) as Schema;
  if (nullable === true) return orNull(rest);
  // A member that is called `nullable` and means something else stays.
  return nullable === undefined || nullable === false ? rest : { ...rest, nullable };
}

const orNull = (schema: unknown): Schema => ({ anyOf: [schema, { type: 'null' }] });

function allowNulls(schema: Schema): void {
  const required = new Set(schema.required as string[]);
  const properties = schema.properties as Record<string, unknown>;
  for (const name of Object.keys(properties)) {
    if (!required.has(name)) properties[name] = orNull(properties[name]);
  }
}
