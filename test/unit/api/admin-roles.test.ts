// The permissions of each role in the admin API: the table has every route, and a role is refused exactly where the table says
// so.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ADMIN_ROLES, type AdminRole } from '#src/accounts/admin-key-store.ts';
import { createApp } from '#src/api/app.ts';
import type { Relay } from '#src/api/relay/relay.ts';
import { contextOfNothing } from '#test/support/openapi.ts';

/** The lowest role that may call it. */
const TABLE: Readonly<Record<AdminRole, readonly string[]>> = {
  'read-only': [
    'GET /admin/accounts',
    'GET /admin/accounts/:id',
    'GET /admin/accounts/:id/statement',
    'GET /admin/alerts',
    'GET /admin/audit',
    'GET /admin/batches',
    'GET /admin/budgets',
    'GET /admin/dead-letters',
    'GET /admin/dead-letters/:id',
    'GET /admin/holds',
    'GET /admin/in-flight',
    'GET /admin/keys',
    'GET /admin/keys/:id',
    'GET /admin/ledger/rejects',
    'GET /admin/limits',
    'GET /admin/live',
    'GET /admin/providers',
    'GET /admin/providers/:name/reconciliation',
    'GET /admin/requests',
    'GET /admin/requests/:id',
    'GET /admin/settings',
    'GET /admin/simulators',
    'GET /admin/simulators/:name/behaviour',
    'GET /admin/simulators/:name/faults',
    'GET /admin/simulators/:name/stats',
    'GET /admin/usage',
    'GET /admin/usage/export',
    'GET /admin/webhooks',
    'GET /admin/webhooks/deliveries',
    'GET /metrics',
    'GET /metrics/scaling',
  ],
  operator: [
    'DELETE /admin/accounts/:id',
    'PATCH /admin/accounts/:id',
    'POST /admin/accounts',
    'POST /admin/accounts/:id/credits',
    'DELETE /admin/dead-letters',
    'DELETE /admin/dead-letters/:id',
    'POST /admin/dead-letters/:id/replay',
    'POST /admin/dead-letters/replay',
    'DELETE /admin/holds/*',
    'POST /admin/holds',
    'DELETE /admin/keys/:id',
    'PATCH /admin/keys/:id',
    'POST /admin/keys',
    'POST /admin/keys/:id/rotate',
    // It may contain what clients sent and received.
    'GET /admin/ledger/rejects/:id',
    'DELETE /admin/ledger/rejects/:id',
    'POST /admin/ledger/rejects/:id/replay',
    'POST /admin/ledger/rejects/replay',
    'POST /admin/requests/:id/cancel',
    'PUT /admin/simulators/:name/behaviour',
    'PUT /admin/simulators/:name/faults',
    'DELETE /admin/webhooks/:id',
    'POST /admin/webhooks',
    'POST /admin/webhooks/:id/enable',
    'POST /admin/webhooks/deliveries/:id/replay',
    'GET /admin/as/:key/v1/models',
    'POST /admin/as/:key/v1/chat/completions',
  ],
  owner: [
    'GET /admin/admin-keys',
    'GET /admin/admin-keys/:id',
    'POST /admin/admin-keys',
    'DELETE /admin/admin-keys/:id',
  ],
};

/** Calls of anyone with a session, or without one yet. */
const OPEN = ['GET /admin/session', 'POST /admin/session', 'DELETE /admin/session', 'GET /admin/sign-in'];

const keyOf = (role: AdminRole) => ({
  id: `admin_${role}`,
  name: role,
  hint: '',
  role,
  createdAtMs: 0,
  revokedAtMs: null,
});
let strangers = 1;
let app: Awaited<ReturnType<typeof createApp>>;
beforeAll(async () => {
  const adminKeys = {
    isKnown: () => false,
    findBySecret: async (secret: string) => keyOf(secret.slice('sk-admin-'.length) as AdminRole),
    note: async () => undefined,
  };
  const keyStore = { findById: async () => ({ id: 'key_1', revokedAtMs: null, settings: {}, above: [] }) };
  app = await createApp(contextOfNothing(false, { adminKey: 'of the environment', adminKeys, keyStore }), {} as Relay);
  await app.ready();
});
afterAll(() => app.close());

async function isForbidden(route: string, role: AdminRole): Promise<boolean> {
  const [method, path] = route.split(' ') as ['GET', string];
  const url = path.replace(/:\w+|\*/g, 'some');
  // An export that breaks off had started: these routes have no data behind them.
  const asked = { method, url, headers: { authorization: `Bearer sk-admin-${role}` } };
  const answer = await app.inject(asked).catch(() => null);
  if (answer === null) return false;
  expect(answer.body, `${route} as ${role}`).not.toMatch(/route_not_found|method_not_allowed|key_invalid/);
  return answer.statusCode === 403;
}

test('every route of the admin API is in the table', () => {
  const known = [...OPEN, ...Object.values(TABLE).flat()];
  const routes = [...app.offeredRoutes].filter((route) => /^\w+ \/(admin|metrics)/.test(route));
  expect(routes.filter((route) => !known.includes(route))).toEqual([]);
  expect(known.filter((route) => !route.includes('/admin/as/') && !routes.includes(route))).toEqual([]);
});

test.each(Object.entries(TABLE).flatMap(([needed, routes]) => routes.map((route) => [route, needed] as const)))(
  '%s needs %s',
  async (route, needed) => {
    for (const role of ADMIN_ROLES) {
      const isEnough = ADMIN_ROLES.indexOf(role) >= ADMIN_ROLES.indexOf(needed as AdminRole);
      expect(await isForbidden(route, role), `${route} as ${role}`).toBe(!isEnough);
    }
  },
);

test.each(Object.values(TABLE).flat())(
  '%s is refused without an admin key, even with a client’s key',
  async (route) => {
    const [method, path] = route.split(' ') as ['GET', string];
    // One address may show so many wrong keys a minute.
    const remoteAddress = `10.0.0.${strangers++}`;
    for (const headers of [{}, { authorization: 'Bearer sk-sluice-client' }]) {
      const answer = await app.inject({ method, url: path.replace(/:\w+|\*/g, 'some'), headers, remoteAddress });
      expect(answer.statusCode, route).toBe(401);
    }
  },
);
