import { describe, expect, test } from 'vitest';
import { MAX_KEPT_BODY_CHARS, RequestLog } from '../../src/engine/records/request-log.ts';

function arrived(index: number, change: object = {}) {
  return {
    providerRequestId: `req_${index}`,
    atMs: 0,
    method: 'POST',
    path: '/v1/x',
    headers: {},
    body: '{}',
    ...change,
  };
}

describe('the request log', () => {
  test('keeps the last requests, oldest first', () => {
    const log = new RequestLog(3);
    for (let index = 1; index <= 8; index++) log.add(arrived(index));
    expect(log.list().map(({ providerRequestId }) => providerRequestId)).toEqual(['req_6', 'req_7', 'req_8']);
  });

  test('keeps nothing if configured so', () => {
    const log = new RequestLog(0);
    log.add(arrived(1));
    expect(log.list()).toEqual([]);
  });

  test('contains no credential', () => {
    const log = new RequestLog(1);
    const headers = { authorization: 'Bearer sk-secret-secret-1234', 'x-api-key': 'short', 'x-other': 'seen' };
    log.add(arrived(1, { headers, path: '/v1/x?key=AIzaSecret&alt=sse' }));
    const [request] = log.list();
    expect(request!.headers).toEqual({
      authorization: 'Bearer sk-********1234',
      'x-api-key': '********',
      'x-other': 'seen',
    });
    expect(request!.path).toBe('/v1/x?key=[redacted]&alt=sse');
  });

  test('cuts a body that is too long to keep', () => {
    const log = new RequestLog(2);
    log.add(arrived(1, { body: 'x'.repeat(MAX_KEPT_BODY_CHARS) }));
    log.add(arrived(2, { body: 'x'.repeat(MAX_KEPT_BODY_CHARS + 5) }));
    expect(log.list().map(({ body, isBodyCut }) => [body.length, isBodyCut])).toEqual([
      [MAX_KEPT_BODY_CHARS, false],
      [MAX_KEPT_BODY_CHARS, true],
    ]);
  });
});
