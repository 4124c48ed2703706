// The configuration's schema for editors: `# yaml-language-server: $schema=sluice.schema.json`.
import { z } from 'zod';
import { configurationSchema } from './schema.ts';

export interface JsonSchema {
  type?: string | string[];
  description?: string;
  default?: unknown;
  enum?: unknown[];
  const?: unknown;
  anyOf?: JsonSchema[];
  properties?: Record<string, JsonSchema>;
  additionalProperties?: JsonSchema | boolean;
  items?: JsonSchema;
  required?: string[];
  minimum?: number;
  exclusiveMinimum?: number;
  maximum?: number;
  [keyword: string]: unknown;
}

/** The input form: members with a default are optional. */
export function configurationJsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
  return { ...schema, title: 'Sluice configuration (sluice.yaml)' };
}
