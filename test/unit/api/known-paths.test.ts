import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type KnownPaths, listenForPaths } from '#src/api/known-paths.ts';

let app: FastifyInstance;
let paths: KnownPaths;
const nothing = async () => undefined;

beforeEach(async () => {
  app = Fastify();
  paths = listenForPaths(app);
  app.get('/v1/things', nothing);
  app.post('/v1/things', nothing);
  app.delete('/v1/things/:id', nothing);
  app.get('/v1/things/special', nothing);
  app.post('/v1/models/*', nothing);
  await app.register(
    (admin, _options, done) => {
      admin.get('/keys', nothing);
      done();
    },
    { prefix: '/admin' },
  );
});
afterEach(() => app.close());

test.each([
  ['a path as it stands', '/v1/things', ['GET', 'HEAD', 'POST']],
  ['a slash behind it', '/v1/things/', ['GET', 'HEAD', 'POST']],
  ['a parameter', '/v1/things/1', ['DELETE']],
  ['what two routes have', '/v1/things/special', ['DELETE', 'GET', 'HEAD']],
  ['anything behind a star', '/v1/models/a/b:go', ['POST']],
  ['a route behind a prefix', '/admin/keys', ['GET', 'HEAD']],
])('%s is known', (_name, path, methods) => {
  expect(paths.find(path)?.methods).toEqual(methods);
});

test.each(['/v1/thing', '/v1/things/1/more', '/v1xthings', '/'])('%s is unknown', (path) => {
  expect(paths.find(path)).toBeNull();
});
