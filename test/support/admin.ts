// Calls to the administration of a broker under test.
import { ADMIN_KEY, type TestBroker } from './broker.ts';

export interface AdminAnswer<T> {
  status: number;
  json: T;
}

export async function admin<T = Record<string, unknown>>(
  broker: TestBroker,
  method: string,
  path: string,
  body?: object,
): Promise<AdminAnswer<T>> {
  const answer = await fetch(`${broker.url}/admin${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: answer.status, json: (await answer.json()) as T };
}

/** Creates a key, or an account. Rejects if that is refused. */
export async function adminCreate(
  broker: TestBroker,
  path: string,
  body: object,
): Promise<{ id: string; key: string }> {
  const { status, json } = await admin<{ id: string; key: string }>(broker, 'POST', path, body);
  if (status !== 201) throw new Error(`POST ${path}: ${status} ${JSON.stringify(json)}`);
  return json;
}

/** The first API process's metrics for Prometheus. */
export async function readMetrics(broker: { url: string }): Promise<string> {
  return (await fetch(`${broker.url}/metrics`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).text();
}

/** `/readyz` as an operator sees it. */
export async function readReadiness(broker: { url: string }): Promise<unknown> {
  return (await fetch(`${broker.url}/readyz`, { headers: { authorization: `Bearer ${ADMIN_KEY}` } })).json();
}
