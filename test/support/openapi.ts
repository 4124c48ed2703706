// The broker's own API description: the document of an app that does not listen, and a check of values against its schemas.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { createAdminApp, createApp } from '#src/api/app.ts';
import type { ApiContext } from '#src/api/context.ts';
import type { OpenApiDocument } from '#src/api/describe/openapi/document.ts';
import { describeApi } from '#src/api/describe/openapi/operations.ts';
import type { Relay } from '#src/api/relay/relay.ts';
import { configurationSchema } from '#src/config/schema.ts';
import { createSecretMask } from '#src/contracts/secret-mask.ts';
import { createLogger } from '#src/telemetry/logger.ts';

export interface DescribedOperation {
  operationId: string;
  tags: string[];
  summary: string;
  security: object[];
  parameters: { name: string; in: string; required?: boolean; schema: object }[];
  requestBody?: { required: boolean; content: Record<string, { schema: object; example?: object }> };
  responses: Record<string, { description: string; headers?: object; content?: Record<string, { schema: object }> }>;
}

/** Routes are registered, and no request is made, or none that needs more than `more` provides. */
export function contextOfNothing(hasAdminListener: boolean, more: object = {}): ApiContext {
  const known = {
    configuration: configurationSchema.parse({}),
    logger: createLogger({ level: 'fatal', role: 'api', instance: 'test', mask: createSecretMask([]) }),
    hasAdminListener,
    secretBox: { isSealing: true },
    tracing: null,
    ...more,
  } as Record<string | symbol, unknown>;
  return new Proxy(known, { get: (target, name) => (name in target ? target[name] : {}) }) as unknown as ApiContext;
}

/** `METHOD /path` of the clients' listener, with its admin routes, and of a separate admin listener. */
export async function offeredRoutes() {
  const clients = await createApp(contextOfNothing(false), {} as Relay);
  const operators = createAdminApp(contextOfNothing(true), {} as Relay);
  await Promise.all([clients.ready(), operators.ready()]);
  const routes = { clients: clients.offeredRoutes, operators: operators.offeredRoutes };
  await Promise.all([clients.close(), operators.close()]);
  return routes;
}

export async function sharedDocument(): Promise<OpenApiDocument> {
  return describeApi((await offeredRoutes()).clients, 'clients');
}

export function operationsOf(document: OpenApiDocument) {
  return Object.entries(document.paths).flatMap(([path, operations]) =>
    Object.entries(operations).map(([method, operation]) => ({
      name: `${method.toUpperCase()} ${path}`,
      method,
      path,
      operation: operation as unknown as DescribedOperation,
    })),
  );
}

/** Checks values by schemas of a document, `$ref` and all. */
export function schemaChecker(document: OpenApiDocument) {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (on: Ajv2020) => void)(ajv);
  ajv.addSchema({ $id: 'openapi', components: { schemas: document.components.schemas } });
  const known = new Map<string, ValidateFunction>();
  const compile = (schema: object) => {
    const text = JSON.stringify(schema).replaceAll('"#/components', '"openapi#/components');
    const validate = known.get(text) ?? ajv.compile(JSON.parse(text) as object);
    known.set(text, validate);
    return validate;
  };
  /** Errors of a value, as text; empty if there are none. */
  return (schema: object, value: unknown): string[] => {
    const validate = compile(schema);
    validate(value);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) => `${instancePath || '/'} ${message} ${JSON.stringify(params)}`,
    );
  };
}
