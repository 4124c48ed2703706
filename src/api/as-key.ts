// The clients' API for operators who act as a key, under /admin/as/{key id}/v1/…, without the key's secret (only its digest is
// stored). The console's playground and batch pages use it; the key's limits, budget and ledger apply as usual.
import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { hasRole } from '../accounts/admin-key-store.ts';
import { type ApiKey, isValid } from '../accounts/api-key.ts';
import type { KeyCache } from '../accounts/key-cache.ts';
import { createFailure, FailureError } from '../contracts/failure.ts';
import { findOperator } from './admit/authenticate-operator.ts';
import type { ApiContext } from './context.ts';
import { noteAction } from './guard/admin-audit.ts';
import type { Operator } from './guard/sessions.ts';
import { AS_KEY } from './known-paths.ts';

type AsKey = { Params: { key: string } };

/** Where protocols look for a key before the bearer token. */
const OTHER_PLACES = ['x-api-key', 'x-goog-api-key'];

/**
 * @param register registers clients' routes in a scope. They authenticate as usual, by a token that is valid for the one
 * request whose operator has been authenticated.
 */
export function registerAsKey(
  app: FastifyInstance,
  context: ApiContext,
  register: (scope: FastifyInstance, context: ApiContext) => void,
): void {
  const lent = new Map<string, ApiKey>();
  const keys: KeyCache = { ...context.keys, find: async (secret) => lent.get(secret) ?? null };
  app.register(
    (scope, _options, done) => {
      scope.addHook<AsKey>('onRequest', async (request, reply) => {
        const operator = await findOperator(request, context);
        if (!hasRole(operator.role, 'operator')) throw new FailureError(READ_ONLY);
        if (request.method !== 'GET') noteWhenAnswered(context, operator, request, reply);
        const key = await expectKey(context, request.params.key);
        const token = randomBytes(24).toString('hex');
        lent.set(token, key);
        reply.raw.once('close', () => lent.delete(token));
        for (const name of OTHER_PLACES) delete request.headers[name];
        request.headers.authorization = `Bearer ${token}`;
        // Protocols read the model and the operation from the path, so it must look as clients write it.
        request.raw.url = request.raw.url!.replace(/^\/admin\/as\/[^/]+/, '').replace(/([?&])key=[^&]*/, '$1');
      });
      register(scope, { ...context, keys });
      done();
    },
    { prefix: `${AS_KEY}:key` },
  );
}

const READ_ONLY = createFailure(
  'key_forbidden',
  'This admin key is read-only; sending requests as a client key needs the role operator.',
);

/** Without request and response bodies, which belong to the key. */
function noteWhenAnswered(context: ApiContext, { name, role }: Operator, request: FastifyRequest, reply: FastifyReply) {
  const { method } = request;
  const path = request.url.split('?')[0]!;
  reply.raw.once('close', () => {
    void noteAction(context, { actor: name, role, method, path, status: reply.raw.statusCode });
  });
}

async function expectKey({ keyStore }: ApiContext, id: string): Promise<ApiKey> {
  const key = await keyStore.findById(id);
  if (key !== null && isValid(key)) return key;
  const what = key === null ? `There is no key '${id}'.` : `Key '${id}' is revoked or has expired.`;
  throw new FailureError(createFailure('request_not_found', what, { param: 'key' }));
}
